package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/testdata/platform"
)

// byObject looks at every Component as a controller does that is told of one at a time:
// whatever belongs to it is read by itself.
func byObject(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("by-object takes the registry, its certificate and a kubeconfig")
	}
	certificate, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	registry, err := quay.New(quay.Options{
		URL: args[0], Organization: platform.Organization, QPS: 1e6, Burst: 1e6, RootCAs: func() *x509.CertPool { return roots },
		Token: func() (quay.Token, error) { return quay.NewToken(oauthToken), nil },
	})
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", args[2])
	if err != nil {
		return err
	}
	cluster, err := kube.New(kube.Options{Config: config, QPS: -1})
	if err != nil {
		return err
	}
	all, err := cluster.Components(ctx, kube.AppStudio, kube.AllNamespaces, "")
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, c := range all {
		g.Go(func() error { return one(ctx, registry, cluster, c) })
	}
	return g.Wait()
}

func one(ctx context.Context, registry *quay.Client, cluster *kube.Client, c kube.Component) error {
	namespace, err := cluster.Namespace(ctx, c.Namespace)
	if err != nil {
		return err
	}
	if c, err = cluster.Component(ctx, kube.AppStudio, c.Namespace, c.Name); err != nil {
		return err
	}
	n, err := platform.Naming().Names(&c, namespace.UID)
	if err != nil {
		return err
	}
	if _, err := registry.GetRepository(ctx, n.Repository); err != nil {
		return err
	}
	if _, err := registry.ListRobotPermissions(ctx, n.Repository); err != nil {
		return err
	}
	for _, a := range n.Accounts() {
		robot, err := registry.GetRobot(ctx, a.Robot)
		if err != nil {
			return err
		}
		secret, err := cluster.Secret(ctx, c.Namespace, a.Secret)
		if err != nil {
			return err
		}
		login := platform.Naming().Login(a.Robot)
		if component.ContentOf(secret.DockerConfigJSON()).Fingerprint != component.Fingerprint(login, robot.Token.Reveal()) {
			return fmt.Errorf("%s/%s is not settled", c.Namespace, c.Name)
		}
	}
	if _, err := cluster.RemoteSecret(ctx, c.Namespace, n.Pull.Secret); err != nil {
		return err
	}
	_, err = cluster.ServiceAccounts(ctx, c.Namespace, nil)
	return err
}
