package services

// Stats are what a service has going on now.
type Stats struct {
	// Peers is how many are connected.
	Peers int `json:"peers"`
	// Subscriptions is how many routes peers watch here.
	Subscriptions int `json:"subscriptions"`
	// Running is how many routes run here for peers, and Pending how many calls to peers wait for their replies.
	Running int `json:"running"`
	Pending int `json:"pending"`
}

// Stats counts.
func (s *Service) Stats() Stats {
	peers := s.Peers()
	stats := Stats{Peers: len(peers)}
	for _, p := range peers {
		p.mu.Lock()
		stats.Subscriptions += len(p.watches)
		stats.Running += p.work.jobs - len(p.work.backlog)
		stats.Pending += len(p.calls)
		p.mu.Unlock()
	}
	return stats
}
