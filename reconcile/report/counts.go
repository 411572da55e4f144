package report

import (
	"time"

	"berth/reconcile/plan"
)

// DeliveryCount counts the environments of all Components by how far their pull Secrets
// had come when the run looked.
type DeliveryCount struct {
	Total      int `json:"total"`
	Delivered  int `json:"delivered"`
	Unverified int `json:"unverified"`
	Pending    int `json:"pending"`
	Failed     int `json:"failed"`
	Unresolved int `json:"unresolved"`
}

func (c *DeliveryCount) count(d plan.Delivery) {
	c.Total++
	switch d.State {
	case plan.Delivered:
		c.Delivered++
	case plan.Unverified:
		c.Unverified++
	case plan.Pending:
		c.Pending++
	case plan.Failed:
		c.Failed++
	case plan.Unresolved:
		c.Unresolved++
	}
}

// RotationCount tells of the credentials' ages.
type RotationCount struct {
	Pending int           // requests that stand after the run
	Oldest  time.Duration // the age of the oldest token in a Secret, as far as Quay tells
}
