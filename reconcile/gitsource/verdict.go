package gitsource

// Answer says whether anybody may read a repository.
type Answer int

// The answers; Unknown is the zero one.
const (
	Unknown Answer = iota
	Public
	Private
)

// Refusal is how a reader was refused, in a word: two looks may be compared by it.
type Refusal string

// The refusals.
const (
	Login     Refusal = "login"     // the host asks for one
	Missing   Refusal = "missing"   // to anonymous readers there is no such repository
	Elsewhere Refusal = "elsewhere" // they are sent to another page of the host
	Page      Refusal = "page"      // they get a web page
	Address   Refusal = "address"   // it is none that anonymous readers have, so that nobody was asked
)

// Refusals are all of them.
var Refusals = []Refusal{Login, Missing, Elsewhere, Page, Address}

// Verdict is an answer and, for people, why it is that.
type Verdict struct {
	Answer  Answer
	Reason  string  // a clause of at most 80 characters, such as "its source asks for a login"; no foreign text
	Refusal Refusal // of [Private]
}

var public = Verdict{Public, "anybody may read its source", ""}

// Verdicts without a request.
var (
	noAddress      = Verdict{Private, "its source has no address", Address}
	tooLong        = Verdict{Private, "its source's address is too long", Address}
	badCharacters  = Verdict{Private, "its source's address holds characters that no address may", Address}
	badAddress     = Verdict{Private, "its source's address cannot be read", Address}
	needsKey       = Verdict{Private, "its source is read over ssh, with a key", Address}
	inTheClear     = Verdict{Private, "its source is read over http, not https", Address}
	notHTTPS       = Verdict{Private, "its source is not at an https address", Address}
	hasUser        = Verdict{Private, "its source's address names a user", Address}
	otherPort      = Verdict{Private, "its source is at another port than 443", Address}
	hasQuery       = Verdict{Private, "its source's address has a query or a fragment", Address}
	badPath        = Verdict{Private, "its source's path is not a plain one", Address}
	badHost        = Verdict{Private, "its source's host is not a plain ASCII name or address", Address}
	hostNotAllowed = Verdict{Private, "its source's host is not one of those that may be asked", Address}
	internal       = Verdict{Private, "its source's host has an address that is not public", Address}
)

// Verdicts from an answer.
var (
	asksLogin = Verdict{Private, "its source asks for a login", Login}
	notFound  = Verdict{Private, "its source is not there for an anonymous reader", Missing}
	elsewhere = Verdict{Private, "its source sends an anonymous reader elsewhere", Elsewhere}
	webPage   = Verdict{Private, "its source answers with a web page, as if for a login", Page}
	refuses   = Verdict{Unknown, "its source's host refuses to answer, and asks for no login", ""}
	moved     = Verdict{Unknown, "its source's host sends readers to another host", ""}
	busy      = Verdict{Unknown, "its source's host has no time to answer", ""}
	failing   = Verdict{Unknown, "its source's host failed to answer", ""}
	odd       = Verdict{Unknown, "its source's host gave no usable answer", ""}
	redirects = Verdict{Unknown, "its source's host redirects too often", ""}
	notGit    = Verdict{Unknown, "its source does not speak git's smart protocol", ""}
	invalid   = Verdict{Unknown, "its source's answer is not valid git", ""}
	cutShort  = Verdict{Unknown, "its source's answer broke off", ""}
	tooLarge  = Verdict{Unknown, "its source's answer is too large", ""}
	late      = Verdict{Unknown, "its source could not be reached in time", ""}
	noName    = Verdict{Unknown, "its source's host name could not be looked up", ""}
	untrusted = Verdict{Unknown, "its source's certificate could not be verified", ""}
	noAnswer  = Verdict{Unknown, "its source could not be reached", ""}
	notWaited = Verdict{Unknown, "there was no time left to ask its source", ""}
)
