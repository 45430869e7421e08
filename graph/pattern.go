package graph

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTag is the most bytes a tag may have.
const MaxTag = 255

// Match reports whether pattern covers route. Both are dotted. In a pattern, "*" stands for
// one segment and a final "**" for the part before it and everything below: "chat.**" covers
// chat, chat.say and chat.room.say.
func Match(pattern, route string) bool {
	for {
		want, restPattern, morePattern := strings.Cut(pattern, ".")
		if want == "**" && !morePattern {
			return true
		}
		got, restRoute, moreRoute := strings.Cut(route, ".")
		if want != "*" && want != got {
			return false
		}
		if !moreRoute {
			return !morePattern || restPattern == "**"
		}
		if !morePattern {
			return false
		}
		pattern, route = restPattern, restRoute
	}
}

// checkTag reports why tag cannot name a node.
func checkTag(tag string) error {
	switch {
	case len(tag) > MaxTag:
		return InvalidArgument.Errorf("tag of %d bytes, at most %d allowed", len(tag), MaxTag)
	case !utf8.ValidString(tag):
		return InvalidArgument.Errorf("tag %q is not valid UTF-8", tag)
	}
	for segment := range strings.SplitSeq(tag, ".") {
		if segment == "" {
			return InvalidArgument.Errorf("tag %q has an empty segment", tag)
		}
	}
	for _, r := range tag {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == '*' {
			return InvalidArgument.Errorf("tag %q holds %q", tag, r)
		}
	}
	return nil
}
