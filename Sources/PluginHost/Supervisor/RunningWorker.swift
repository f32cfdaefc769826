/// A worker as its supervisor holds it: descriptors to wait on, and a way to end it. Used by the provider's thread alone.
protocol RunningWorker: AnyObject {
    /// The process; nil: a thread of this one.
    var process: Int32? { get }
    /// The host's end of the socket pair, not blocking.
    var channel: Int32 { get }
    /// What its standard output and error arrive on, not blocking.
    var outputs: [Int32] { get }
    /// Readable once the worker is gone.
    var ended: Int32 { get }

    /// Ends it at once, or gives it up where that cannot be.
    func kill()
    /// How it ended; once, after `ended` became readable. Closes every descriptor.
    func reap(killed reason: String?) -> WorkerDeath
}
