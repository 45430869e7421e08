package graph

import (
	"encoding/json"
	"fmt"
	"sync"
	"unsafe"
)

// A memo keeps the JSON of one published value, so that a value watched by many peers is
// encoded once.
type memo struct {
	of   any
	once sync.Once
	data json.RawMessage
	err  error
}

// JSON returns the event's value encoded. All subscribers of one publish share the
// result, which must not be changed. An event whose Value was replaced is encoded anew.
func (e Event) JSON() (json.RawMessage, error) {
	if e.memo == nil || !sameInterface(e.memo.of, e.Value) {
		return encodeValue(e.Value)
	}
	e.memo.once.Do(func() { e.memo.data, e.memo.err = encodeValue(e.memo.of) })
	return e.memo.data, e.memo.err
}

func encodeValue(v any) (json.RawMessage, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode value: %w", err)
	}
	return data, nil
}

// sameInterface reports whether a and b are copies of one interface value. Comparing them
// with == would panic for maps and slices and look into large structs.
func sameInterface(a, b any) bool {
	type words [2]unsafe.Pointer
	return *(*words)(unsafe.Pointer(&a)) == *(*words)(unsafe.Pointer(&b)) //nolint:gosec // reads the two words of an interface
}
