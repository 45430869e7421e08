package graph_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// A node is a function with a name.
func Example() {
	g := graph.New()
	_ = g.Load(graph.Roots{
		"hello": func(name string) string { return "hello " + name },
	})
	text, err := g.Run(context.Background(), "hello", "world")
	fmt.Println(text, err)
	_, err = g.Run(context.Background(), "goodbye")
	fmt.Println(errors.Is(err, graph.NotFound), err)
	// Output:
	// hello world <nil>
	// true not_found: no route "goodbye"
}

type AddIn struct{ A, B int }

// A contract is a constant that both ends share. Wrong types do not compile.
func ExampleFunc() {
	const Add graph.Func[AddIn, int] = "math.add"

	g := graph.New()
	Add.Handle(g, func(_ context.Context, in AddIn) (int, error) {
		if in.A < 0 {
			return 0, graph.InvalidArgument.Errorf("A is negative")
		}
		return in.A + in.B, nil
	})

	ctx := context.Background()
	fmt.Println(Add.Run(ctx, g, AddIn{A: 1, B: 2}))
	fmt.Println(Add.Run(ctx, g, AddIn{A: -1}))
	fmt.Println(g.Run(ctx, "math.add", 3, 4)) // positional arguments fill the struct in order
	// Output:
	// 3 <nil>
	// 0 invalid_argument: A is negative
	// 7 <nil>
}

// Watch yields the current value and then every change.
func ExampleState_Watch() {
	const Counter graph.State[int] = "counter"

	g := graph.New()
	n := Counter.Serve(g, 40)
	for u, err := range Counter.Watch(context.Background(), g) {
		fmt.Println(u.Value, u.Snapshot, err)
		if u.Value == 42 {
			break // unsubscribes
		}
		n.Set(u.Value + 1)
	}
	// Output:
	// 40 true <nil>
	// 41 false <nil>
	// 42 false <nil>
}

// Children run with their parent's result, in the order of their names.
func ExampleProps_children() {
	g := graph.New()
	_ = g.Load(graph.Roots{
		"double": graph.Props{
			Operator: func(v int) int { return v * 2 },
			Children: graph.Roots{
				"print": func(v int) { fmt.Println("doubled:", v) },
				"square": graph.Props{
					Operator: func(v int) int { return v * v },
					Children: graph.Roots{"print": func(v int) { fmt.Println("squared:", v) }},
				},
			},
		},
	})
	_, _ = g.Run(context.Background(), "double", 5)
	// Output:
	// doubled: 10
	// squared: 100
}

// Listeners react to other nodes: to results, input, methods or state.
func ExampleProps_listeners() {
	g := graph.New()
	_ = g.Load(graph.Roots{
		"door": graph.Props{State: map[string]any{"open": false}, Writable: []string{"open"}},
		"bell": graph.Props{Listeners: map[string]any{
			"door.open": func(open bool) { fmt.Println("the door is open:", open) },
			"visitor":   graph.Listener{Do: func(name string) { fmt.Println("there comes", name) }, Input: true},
		}},
	})
	ctx := context.Background()
	_, _ = g.Run(ctx, "door.open", true)
	_, _ = g.Add("visitor", func(name string) string { return "welcome " + name }) // the bell has waited for it
	_, _ = g.Run(ctx, "visitor", "Ada")
	// Output:
	// the door is open: true
	// there comes Ada
}

// A looping node runs again and again, until its key "looping" is false or it is removed.
func ExampleLoader() {
	ticks := make(chan int)
	n := 0
	g := graph.New()
	_ = g.Load(graph.Roots{"clock": graph.Props{
		Operator: func(ctx context.Context) {
			n++
			select {
			case ticks <- n:
			case <-ctx.Done():
			}
		},
		With: map[string]any{"loop": time.Millisecond, "looping": true},
	}})
	for range 3 {
		fmt.Println("tick", <-ticks)
	}
	g.Close() // waits for the loop
	// Output:
	// tick 1
	// tick 2
	// tick 3
}

// Errors have codes, which cross a connection.
func ExampleCode() {
	g := graph.New()
	_ = g.Load(graph.Roots{"open": func() error { return graph.PermissionDenied.Errorf("the door is locked") }})
	_, err := g.Run(context.Background(), "open")
	fmt.Println(graph.CodeOf(err))
	fmt.Println(errors.Is(err, graph.PermissionDenied))
	fmt.Println(err)
	// Output:
	// permission_denied
	// true
	// permission_denied: the door is locked
}
