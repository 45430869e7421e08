package main

import "github.com/graphscript-go/graphscript/graph"

// What the server serves.
const (
	// Ask puts a question to all who have joined, and gives the count of their votes.
	Ask graph.Func[string, Tally] = "poll.ask"
)

// What each client serves.
const (
	// Confirm asks whoever asks a question whether it is meant.
	Confirm graph.Func[string, bool] = "client.confirm"
	// Vote asks for a yes or no.
	Vote graph.Func[string, bool] = "client.vote"
)

// A Tally counts votes. Silent are those who could not or did not answer.
type Tally struct {
	Yes    int `json:"yes"`
	No     int `json:"no"`
	Silent int `json:"silent"`
}
