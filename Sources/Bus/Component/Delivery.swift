import JSON

/// What reaches a component's thread.
enum Delivery: Sendable {
    case request(Request)
    case answer(ticket: UInt64, Answer)
    case progress(ticket: UInt64, [UInt8])
    case notice(Notice)
    case hop(UInt64, any Sendable)
    /// The function that `hop` made is gone.
    case unhop(UInt64)
    case stop
}

/// What a component's thread, or whoever holds one of its requests, tells the broker.
enum Inbound: Sendable {
    case reply(Reply)
    case request(component: Int, ticket: UInt64, Outgoing)
    case cancel(component: Int, ticket: UInt64)
    case publish(topic: String, [UInt8], owner: String?)
    case notify(topic: String, [UInt8])
    case subscribe(component: Int, prefix: String)
    case control(Control)
}

/// A request that a component makes.
struct Outgoing: Sendable {
    var verb: String
    var body: [UInt8]
    var deadline: Int?
    var key: String?
    var traceparent: String?
    var account: Account
    var wantsProgress: Bool
}
