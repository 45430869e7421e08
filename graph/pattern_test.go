package graph_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, route string
		want           bool
	}{
		{"chat", "chat", true},
		{"chat", "Chat", false},
		{"chat", "chats", false},
		{"chat", "chat.say", false},
		{"chat.say", "chat", false},
		{"chat", "chat.", false},
		{"chat.", "chat", false},
		{"chat.", "chat.", true},
		{"chat.say", "chat.say", true},
		{"chat.*", "chat", false},
		{"chat.*", "chat.say", true},
		{"chat.*", "chat.room.say", false},
		{"*", "chat", true},
		{"*", "chat.say", false},
		{"*.say", "chat.say", true},
		{"*.say", "chat.hear", false},
		{"chat.*.say", "chat.room.say", true},
		{"chat.*.say", "chat.room.hear", false},
		{"chat.**", "chat", true},
		{"chat.**", "chat.say", true},
		{"chat.**", "chat.room.say", true},
		{"chat.**", "chats", false},
		{"chat.**", "cha", false},
		{"chat.**", "other.chat", false},
		{"**", "chat", true},
		{"**", "chat.say", true},
		{"*.**", "chat", true},
		{"*.**", "chat.say.x", true},
		{"chat.*.**", "chat", false},
		{"chat.*.**", "chat.say", true},
		{"**.say", "chat.say", false}, // only the last segment stands for many
		{"**.say", "**.say", true},
		{"ch*", "chat", false}, // a star is a segment, not a part of one
		{"", "chat", false},
		{"", "", true},
		{"**", "", true},
	} {
		require.Equal(t, c.want, graph.Match(c.pattern, c.route), "%q covers %q", c.pattern, c.route)
	}
}

// matches is Match as one would write it without a thought for speed.
func matches(pattern, route []string) bool {
	switch {
	case len(pattern) == 1 && pattern[0] == "**":
		return true
	case len(pattern) == 0 || len(route) == 0:
		return len(pattern) == len(route)
	}
	return (pattern[0] == "*" || pattern[0] == route[0]) && matches(pattern[1:], route[1:])
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"chat.**", "chat.say"}, {"*", "a"}, {"a.*.c", "a.b.c"}, {"**", ""}, {"..", "."}, {"a.**.b", "a.x.b"}, {"*.**", "a"}, {"**.**", "**"}, {"a", "a."}, {"a.", "a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, route string) {
		require.Equal(t, matches(strings.Split(pattern, "."), strings.Split(route, ".")), graph.Match(pattern, route), "%q, %q", pattern, route)
	})
}
