package graph

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// A Loader gives a key of Props.With a meaning. It runs when the node has its parts and is not
// in the graph yet, and may call Node.Wrap, OnConnected and OnDisconnected; what it wants to
// start is for OnConnected, as the node may not make it into the graph. The built-in keys are
//
//   - "delay" (time.Duration): the operator waits before it runs;
//   - "repeat" (int): it runs so many times with the same arguments and gives the last result;
//   - "recursive" (int): likewise, each time with the result of the time before;
//   - "branch" ([]Branch): what to do with certain results;
//   - "loop" (time.Duration): once run, it runs again at this interval with the same arguments
//     until the node is removed. This adds the state key "looping": setting it to false stops the
//     loop, true or a further run starts it again;
//   - "looping" (bool): with "loop", true makes it run from the start;
//   - "backward" (true): the parent runs with the node's result;
//   - "aliases" ([]string): further tags of the node.
type Loader func(n *Node, setting any) error

// A Branch acts on some results of an operator.
type Branch struct {
	// If is a func(any) bool or the value the result must equal.
	If any
	// Then is a function that takes the result, a Ref to the node to run with it, or
	// else the value that replaces the result.
	Then any
}

// builtinLoaders returns the built-in loaders in the order they apply, the innermost first.
func builtinLoaders() []struct {
	key  string
	load Loader
} {
	return []struct {
		key  string
		load Loader
	}{
		{"delay", loadDelay},
		{"repeat", loadRepeat},
		{"recursive", loadRecursive},
		{"branch", loadBranch},
		{"loop", loadLoop},
		{loopingKey, loadLooping},
		{"backward", loadBackward},
		{"aliases", loadAliases},
	}
}

func (n *Node) applyLoaders(with map[string]any) error {
	rest := maps.Clone(with)
	for _, key := range slices.Sorted(maps.Keys(n.graph.loaders)) {
		if setting, ok := rest[key]; ok {
			delete(rest, key)
			if err := n.graph.loaders[key](n, setting); err != nil {
				return fmt.Errorf("load %q: %w", key, err)
			}
		}
	}
	for _, l := range builtinLoaders() {
		if setting, ok := rest[l.key]; ok {
			delete(rest, l.key)
			if err := l.load(n, setting); err != nil {
				return fmt.Errorf("load %q: %w", l.key, err)
			}
		}
	}
	for key := range rest {
		return InvalidArgument.Errorf("no loader gives %q a meaning", key)
	}
	return nil
}

func settingError(key string, got any) error {
	return InvalidArgument.Errorf("%q cannot be a %T", key, got)
}

func loadDelay(n *Node, setting any) error {
	d, ok := setting.(time.Duration)
	if !ok {
		return settingError("delay", setting)
	}
	return n.Wrap(func(next Operator) Operator {
		return func(ctx context.Context, a Args) (any, error) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				return next(ctx, a)
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-n.ctx.Done():
				return nil, Unavailable.Errorf("%s was removed", n.tag)
			}
		}
	})
}

func loadRepeat(n *Node, setting any) error { return loadTimes(n, "repeat", setting, false) }

func loadRecursive(n *Node, setting any) error { return loadTimes(n, "recursive", setting, true) }

func loadTimes(n *Node, key string, setting any, feedBack bool) error {
	times, ok := setting.(int)
	if !ok || times < 1 {
		return settingError(key, setting)
	}
	return n.Wrap(func(next Operator) Operator {
		return func(ctx context.Context, a Args) (out any, err error) {
			for range times {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				if out, err = next(ctx, a); err != nil {
					return nil, err
				}
				if feedBack {
					a = ArgsOne(out)
				}
			}
			return out, nil
		}
	})
}

func loadBranch(n *Node, setting any) error {
	branches, ok := setting.([]Branch)
	if !ok {
		return settingError("branch", setting)
	}
	then := make([]Operator, len(branches))
	for i, b := range branches {
		if _, ok := b.If.(func(any) bool); isFunc(b.If) && !ok {
			return InvalidArgument.Errorf("If cannot be a %T", b.If)
		}
		if isFunc(b.Then) {
			op, err := operatorOf(n, b.Then)
			if err != nil {
				return err
			}
			then[i] = op
		}
	}
	return n.Wrap(func(next Operator) Operator {
		return func(ctx context.Context, a Args) (any, error) {
			out, err := next(ctx, a)
			for i := 0; err == nil && i < len(branches); i++ {
				if branches[i].applies(out) {
					out, err = n.takeBranch(ctx, branches[i], then[i], out)
				}
			}
			return out, err
		}
	})
}

func (b Branch) applies(v any) bool {
	if f, ok := b.If.(func(any) bool); ok {
		return f(v)
	}
	return reflect.DeepEqual(b.If, v)
}

func (n *Node) takeBranch(ctx context.Context, b Branch, then Operator, v any) (any, error) {
	if then != nil {
		_, err := then(ctx, ArgsOne(v))
		return v, err
	}
	if ref, ok := b.Then.(Ref); ok {
		_, err := n.graph.Do(ctx, &Call{Route: string(ref), Args: ArgsOne(v)})
		return v, err
	}
	return b.Then, nil
}

func loadBackward(n *Node, setting any) error {
	if on, ok := setting.(bool); !ok {
		return settingError("backward", setting)
	} else if !on {
		return nil
	}
	if n.parent == nil || n.parent.operator == nil {
		return InvalidArgument.Errorf("there is no parent to run")
	}
	// The parent's own result must not run this node again, or the two would run each other for ever.
	n.links = slices.DeleteFunc(n.links, func(l *link) bool { return l.child })
	n.links = append(n.links, &link{owner: n.parent, source: n.tag, do: n.parent.runWith(false)})
	return nil
}

func loadAliases(n *Node, setting any) error {
	aliases, ok := setting.([]string)
	if !ok {
		return settingError("aliases", setting)
	}
	for _, a := range aliases {
		if err := checkTag(a); err != nil {
			return err
		}
	}
	n.aliases = slices.Clone(aliases)
	return nil
}
