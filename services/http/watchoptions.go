package httpservice

import (
	"net/url"
	"strconv"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// The query parameters of a watch; doc.go says what they mean.
const (
	paramRoute    = "route"
	paramKey      = "key"
	paramInput    = "input"
	paramSnapshot = "snapshot"
	paramLag      = "lag"
	paramSize     = "size"
	paramWait     = "wait"
)

// watchQuery returns the parameters that say the same as o.
func watchQuery(o graph.WatchOptions) url.Values {
	q := url.Values{paramSnapshot: {strconv.FormatBool(o.Snapshot)}}
	if o.Key != "" {
		q.Set(paramKey, o.Key)
	}
	if o.Input {
		q.Set(paramInput, "true")
	}
	if o.Lag.Policy != 0 {
		q.Set(paramLag, o.Lag.Policy.String())
	}
	if o.Lag.Size > 0 {
		q.Set(paramSize, strconv.Itoa(o.Lag.Size))
	}
	if o.Lag.Wait > 0 { // rounded up, as 0 is no wait at all
		q.Set(paramWait, strconv.FormatInt((o.Lag.Wait+time.Millisecond-1).Milliseconds(), 10))
	}
	return q
}

// watchOptions reads the parameters of a watch. Parameters it does not know are left to others. What a client asks
// for beyond the limits is cut to them, so that nobody holds up a publisher or the memory for long.
func watchOptions(q url.Values, limits services.Limits) (o graph.WatchOptions, err error) {
	o = graph.WatchOptions{Key: q.Get(paramKey)}
	if o.Snapshot, err = boolOf(q, paramSnapshot, true); err != nil {
		return o, err
	}
	if o.Input, err = boolOf(q, paramInput, false); err != nil {
		return o, err
	}
	if name := q.Get(paramLag); name != "" {
		if err := o.Lag.Policy.UnmarshalText([]byte(name)); err != nil {
			return o, err
		}
	}
	size, err := intOf(q, paramSize, graph.DefaultQueueSize)
	if err != nil {
		return o, err
	}
	o.Lag.Size = int(min(size, int64(limits.QueueMessages)))
	wait, err := intOf(q, paramWait, 0)
	if err != nil {
		return o, err
	}
	o.Lag.Wait = min(time.Duration(min(wait, maxTimeout.Milliseconds()))*time.Millisecond, limits.BlockWait)
	return o, nil
}

func boolOf(q url.Values, name string, missing bool) (bool, error) {
	text := q.Get(name)
	if text == "" {
		return missing, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, graph.InvalidArgument.Errorf("parameter %s must be true or false", name)
	}
	return v, nil
}

func intOf(q url.Values, name string, missing int64) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return missing, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 {
		return 0, graph.InvalidArgument.Errorf("parameter %s must be a whole number from 0 up", name)
	}
	return v, nil
}
