// Package contract names what the two programs of this example serve to each other. Both import it, so
// neither can call the other with a wrong name or a wrong type.
package contract

import "github.com/graphscript-go/graphscript/graph"

// What the counter serves.
const (
	// Count is the count, to read and to watch.
	Count graph.State[int64] = "counter.count"
	// Add raises the count and gives the new one.
	Add graph.Func[int64, int64] = "counter.add"
)

// What the watcher serves.
const (
	// Limit is the count at which the watcher wants a notice.
	Limit graph.State[int64] = "watcher.limit"
	// Notice tells the watcher that the count has reached its limit.
	Notice graph.Func[int64, graph.Void] = "watcher.notice"
)
