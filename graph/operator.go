package graph

import (
	"context"
	"reflect"
	"strconv"
)

// An Operator is the work of a node or a method. The result Void{} means no value.
type Operator func(ctx context.Context, args Args) (any, error)

// operatorOf makes an Operator for node n of a function of any shape: a context and the
// *Node may come first, then the arguments; it may return nothing, a value, an error, or a value and an error.
func operatorOf(n *Node, f any) (Operator, error) {
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Func || v.IsNil() {
		return nil, InvalidArgument.Errorf("want a function, got %T", f)
	}
	switch f := f.(type) {
	case Operator:
		return f, nil
	case func(context.Context, Args) (any, error):
		return f, nil
	case func(context.Context, ...any) (any, error):
		return func(ctx context.Context, a Args) (any, error) {
			values, err := a.Values()
			if err != nil {
				return nil, err
			}
			return f(ctx, values...)
		}, nil
	}
	r, err := reflected(n, v)
	if err != nil {
		return nil, err
	}
	return r.run, nil
}

// A reflectedFunc calls a function of any shape. It costs a few hundred nanoseconds more than a
// contract's handler.
type reflectedFunc struct {
	f        reflect.Value
	lead     []reflect.Value // the *Node, where it is wanted; ctx comes before it
	takesCtx bool
	params   []reflect.Type
	single   *shape // of the only parameter, where it is that
	variadic bool
	hasValue bool
	hasError bool
}

func reflected(n *Node, f reflect.Value) (*reflectedFunc, error) {
	t := f.Type()
	r := &reflectedFunc{f: f, variadic: t.IsVariadic()}
	i := 0
	if i < t.NumIn() && t.In(i) == reflect.TypeFor[context.Context]() {
		r.takesCtx = true
		i++
	}
	if i < t.NumIn() && t.In(i) == reflect.TypeFor[*Node]() {
		r.lead = append(r.lead, reflect.ValueOf(n))
		i++
	}
	for ; i < t.NumIn(); i++ {
		r.params = append(r.params, t.In(i))
	}
	if len(r.params) == 1 && !r.variadic {
		r.single = shapeOf(r.params[0])
	}
	out := t.NumOut()
	if out > 0 && t.Out(out-1) == reflect.TypeFor[error]() {
		r.hasError = true
		out--
	}
	if out > 1 {
		return nil, InvalidArgument.Errorf("%s returns more than a value and an error", t)
	}
	r.hasValue = out == 1
	return r, nil
}

func (r *reflectedFunc) run(ctx context.Context, a Args) (any, error) {
	in := make([]reflect.Value, 0, 1+len(r.lead)+len(r.params))
	if r.takesCtx {
		in = append(in, reflect.ValueOf(&ctx).Elem())
	}
	in = append(in, r.lead...)
	in, err := r.bind(in, a)
	if err != nil {
		return nil, err
	}
	out := r.f.Call(in)
	if r.hasError {
		if err, _ := out[len(out)-1].Interface().(error); err != nil {
			return nil, err
		}
	}
	if !r.hasValue {
		return Void{}, nil
	}
	return out[0].Interface(), nil
}

// bind appends the arguments. A single parameter takes them as a contract's In does; several
// take them by position, and those that are not given are zero.
func (r *reflectedFunc) bind(in []reflect.Value, a Args) ([]reflect.Value, error) {
	if len(r.params) == 0 {
		return in, nil
	}
	if r.single != nil {
		v := reflect.New(r.params[0]).Elem()
		if err := a.bind(v, r.single); err != nil {
			return nil, err
		}
		return append(in, v), nil
	}
	p, err := a.positional()
	if err != nil {
		return nil, asInvalid("arguments", err)
	}
	fixed := len(r.params)
	if r.variadic {
		fixed--
	} else if p.n > fixed {
		return nil, tooMany(p.n, fixed)
	}
	for i := range max(fixed, p.n) {
		t := r.params[min(i, len(r.params)-1)]
		if i >= fixed {
			t = t.Elem()
		}
		v := reflect.New(t).Elem()
		if i < p.n {
			if err := p.store(v, i); err != nil {
				return nil, asInvalid("argument "+strconv.Itoa(i+1), err)
			}
		}
		in = append(in, v)
	}
	return in, nil
}
