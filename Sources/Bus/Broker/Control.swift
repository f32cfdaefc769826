import Platform

/// What the owner of the bus tells its loop.
enum Control: Sendable {
    /// All components are made: requests may come.
    case open
    /// No new requests: what comes is answered `retry`.
    case drain
    /// This component has stopped: answer what it left. The handover lets its thread go on.
    case drained(component: Int, Handover<Void>)
    /// The keys or the accounts may have changed.
    case reload
    /// Send what is to be sent and end.
    case stop
}
