module github.com/graphscript-go/graphscript

go 1.26

require (
	github.com/google/uuid v1.6.0
	github.com/gorilla/websocket v1.5.3
	github.com/stretchr/testify v1.12.1
	github.com/tmaxmax/go-sse v0.11.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
