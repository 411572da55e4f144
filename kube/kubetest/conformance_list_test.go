package kubetest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"
)

// testEmptyLists shows which lists of nothing are null: those of metadata, of built-in and
// of custom kinds, and no others. The client takes both.
func testEmptyLists(f *fixture) {
	config := f.config(f.T, "admin")
	client, err := rest.HTTPClientFor(rest.CopyConfig(config))
	f.no(err)
	for path, plain := range map[string]string{core + "secrets": `[]`, core + "serviceaccounts": `[]`, custom: `[]`} {
		for accept, want := range map[string]string{
			"application/json": plain,
			"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1": `null`,
		} {
			req, err := http.NewRequestWithContext(f.Context(), http.MethodGet, config.Host+strings.ReplaceAll(path, "NS", f.ns)+"?labelSelector=nobody%3Dhas", http.NoBody)
			f.no(err)
			req.Header.Set("Accept", accept)
			resp, err := client.Do(req)
			f.no(err)
			raw, err := io.ReadAll(resp.Body)
			f.no(err)
			f.no(resp.Body.Close())
			var list struct{ Items json.RawMessage }
			f.no(json.Unmarshal(raw, &list))
			if string(list.Items) != want {
				f.Errorf("%s as %s: items are %s, want %s", path, accept, list.Items, want)
			}
		}
	}
	metadata, err := f.SecretsMetadata(f.Context(), f.ns, everyName)
	f.no(err)
	whole, err := secrets(f.Context(), f.Client, f.ns, "")
	f.no(err)
	if len(metadata)+len(whole) > 0 {
		f.Errorf("an empty namespace has %v and %v", metadata, whole)
	}
}
