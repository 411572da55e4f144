package observe

import (
	"context"
	"errors"

	"berth/quay"
)

// doubted tells whose fault it is that a token administers nothing. To that question Quay
// answers the same for one that it does not know and for one that reaches too little; the
// list of robots it refuses to each in its own words. Where it refuses it to neither, it
// took a good token for unknown before, as it does for a moment now and then.
func doubted(ctx context.Context, q Registry) (quay.Organization, error) {
	err := q.EachRobot(ctx, func() func(quay.Robot) { return func(quay.Robot) {} })
	switch {
	case errors.Is(err, quay.ErrUnauthorized):
		return quay.Organization{}, ErrUnknownToken
	case errors.Is(err, quay.ErrForbidden):
		return quay.Organization{}, ErrNotAdmin
	case err != nil:
		return quay.Organization{}, err
	}
	return q.GetOrganization(ctx)
}
