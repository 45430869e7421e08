package httpservice_test

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	httpservice "github.com/graphscript-go/graphscript/services/http"
)

// A service on a server of your own: any HTTP client can call it.
func ExampleNew() {
	g := graph.New()
	_ = g.Load(graph.Roots{"math": graph.Roots{"mul": func(a, b float64) float64 { return a * b }}})
	svc := services.New(g, &services.Options{Expose: []string{"math.**"}})

	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", httpservice.New(svc, nil)))
	server := httptest.NewServer(mux)
	defer server.Close()

	for _, body := range []string{`[2,3]`, `["two",3]`} {
		response, err := http.Post(server.URL+"/api/math/mul", "application/json", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		fmt.Println(response.StatusCode, string(text))
	}
	// Output:
	// 200 6
	// 400 {"error":{"code":"invalid_argument","message":"argument 1: want a number, got string"}}
}

// A server with pages: html/template escapes what a visitor sends.
func ExampleBackend_SetupServer() {
	greeting := template.Must(template.New("").Parse(`<h1>Hello {{.}}</h1>`))
	backend := httpservice.New(services.New(graph.New(), nil), nil)
	info, err := backend.SetupServer(context.Background(), httpservice.Props{Pages: httpservice.Pages{
		"/": httpservice.Page{OnRequest: func(p *httpservice.Page, _ http.ResponseWriter, r *http.Request) {
			p.View, p.Data = greeting, r.URL.Query().Get("name")
		}},
		"home": httpservice.Page{Redirect: "/"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer info.Close()

	response, err := http.Get(info.URL("home?name=<b>"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(text))
	// Output:
	// 200 <!DOCTYPE html><html><h1>Hello &lt;b&gt;</h1></html>
}

// A client is a target like any other: contracts run and watch through it.
func ExampleOpen() {
	const (
		Counter graph.State[int]     = "counter"
		Add     graph.Func[int, int] = "add"
	)
	g := graph.New()
	value := Counter.Serve(g, 40)
	Add.Handle(g, func(_ context.Context, n int) (int, error) {
		return value.Update(func(old int) (int, error) { return old + n, nil })
	})
	svc := services.New(g, &services.Options{Expose: []string{"counter", "add"}})
	server := httptest.NewServer(httpservice.New(svc, nil))
	defer server.Close()

	client, err := httpservice.Open(server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	ctx := context.Background()
	for u, err := range Counter.Watch(ctx, client) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(u.Value, u.Snapshot)
		if u.Value == 42 {
			break
		}
		if _, err := Add.Run(ctx, client, 2); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// 40 true
	// 42 false
}
