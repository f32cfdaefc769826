/// Where a component's words go: the broker's queue, or the link to a broker elsewhere. Called on any thread.
protocol ComponentPort: ReplySink {
    func send(_ inbound: Inbound)
}
