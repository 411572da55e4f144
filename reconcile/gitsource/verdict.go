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
	Reason string // a clause of at most 80 characters, such as "its source asks for a login"; no foreign text
}

var public = Verdict{Public, "anybody may read its source"}

// Verdicts without a request.
var (
	noAddress      = Verdict{Private, "its source has no address"}
	tooLong        = Verdict{Private, "its source's address is too long"}
	badCharacters  = Verdict{Private, "its source's address holds characters that no address may"}
	badAddress     = Verdict{Private, "its source's address cannot be read"}
	needsKey       = Verdict{Private, "its source is read over ssh, with a key"}
	inTheClear     = Verdict{Private, "its source is read over http, not https"}
	notHTTPS       = Verdict{Private, "its source is not at an https address"}
	hasUser        = Verdict{Private, "its source's address names a user"}
	otherPort      = Verdict{Private, "its source is at another port than 443"}
	hasQuery       = Verdict{Private, "its source's address has a query or a fragment"}
	badPath        = Verdict{Private, "its source's path is not a plain one"}
	badHost        = Verdict{Private, "its source's host is not a plain ASCII name or address"}
	hostNotAllowed = Verdict{Private, "its source's host is not one of those that may be asked"}
	internal       = Verdict{Private, "its source's host has an address that is not public"}
)

// Verdicts from an answer.
var (
	asksLogin = Verdict{Private, "its source asks for a login"}
	notFound  = Verdict{Private, "its source is not there for an anonymous reader"}
	elsewhere = Verdict{Private, "its source sends an anonymous reader elsewhere"}
	webPage   = Verdict{Private, "its source answers with a web page, as if for a login"}
	busy      = Verdict{Unknown, "its source's host has no time to answer"}
	failing   = Verdict{Unknown, "its source's host failed to answer"}
	odd       = Verdict{Unknown, "its source's host gave no usable answer"}
	redirects = Verdict{Unknown, "its source's host redirects too often"}
	notGit    = Verdict{Unknown, "its source does not speak git's smart protocol"}
	invalid   = Verdict{Unknown, "its source's answer is not valid git"}
	cutShort  = Verdict{Unknown, "its source's answer broke off"}
	tooLarge  = Verdict{Unknown, "its source's answer is too large"}
	late      = Verdict{Unknown, "its source could not be reached in time"}
	noName    = Verdict{Unknown, "its source's host name could not be looked up"}
	untrusted = Verdict{Unknown, "its source's certificate could not be verified"}
	noAnswer  = Verdict{Unknown, "its source could not be reached"}
	notWaited = Verdict{Unknown, "there was no time left to ask its source"}
)
