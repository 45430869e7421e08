package host_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

func ExampleSampler_Sample() {
	// A recorded computer; host.New(nil) samples the one the program runs on.
	recording := &struct{ fs.FS }{os.DirFS("testdata/first")}
	now := time.Unix(0, 0)
	s := host.New(&host.Options{FS: recording, Now: func() time.Time { return now }})

	first, err := s.Sample(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("memory used:", *first.Memory.UsedBytes>>20, "MiB")
	fmt.Println("processor known:", first.CPU.TotalPercent != nil)

	recording.FS, now = os.DirFS("testdata/second"), now.Add(2*time.Second)
	second, err := s.Sample(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("processor:", *second.CPU.TotalPercent, "%")
	fmt.Println("received:", *second.Network.RxBytesPerSec, "bytes/s")
	// Output:
	// memory used: 8000 MiB
	// processor known: false
	// processor: 31.25 %
	// received: 155000 bytes/s
}
