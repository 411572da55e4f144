package gitsource

// Answer says whether anybody may read a repository.
type Answer int

// The answers; Unknown is the zero one.
const (
	Unknown Answer = iota
	Public
	Private
)

// Verdict is an answer and, for people, why it is that.
type Verdict struct {
	Answer Answer
	Reason string // a short clause, such as "its source asks for a login"; no foreign text
}
