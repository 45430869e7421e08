package graph

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Void is the type of no value: a contract with it as In takes no arguments, one with it
// as Out gives no result, and an operator that returns Void{} gives none either.
// It differs from nil, which is the value null.
type Void = struct{}

// As reads a result or an event's value as a T. JSON is decoded, unless T is json.RawMessage; any other
// value that is a T is returned as it is; Void and nil give the zero value; and other types are converted
// where no information is lost. What does not fit is the fault of whoever gave it, so the error is Internal.
func As[T any](v any) (T, error) {
	var out T
	raw, isJSON := v.(json.RawMessage)
	if t, ok := v.(T); ok && (!isJSON || reflect.TypeFor[T]() == reflect.TypeFor[json.RawMessage]()) {
		return t, nil
	}
	if _, none := v.(Void); none || v == nil {
		return out, nil
	}
	var err error
	if isJSON {
		err = decodeJSON(raw, &out)
	} else {
		err = convert(reflect.ValueOf(&out).Elem(), v)
	}
	if err != nil {
		return out, fmt.Errorf("read result: %s", describeJSONError(err).Message)
	}
	return out, nil
}
