import JSON

/// What a notifier tells: the same for a command and a URL.
struct Message: Sendable, Equatable {
    /// The same for each try, so that a receiver can tell that it has it already.
    var id: String
    var notifier: String
    var occasion: NotifierSettings.Occasion
    /// `l-…`
    var lease: String
    /// The event that it is about, or the start or end that is near.
    var event: JSON
    /// The lease as it is now; null where it cannot be shown any more.
    var details: JSON = .null

    var json: JSON {
        ["id": JSON(id), "notify": JSON(notifier), "what": JSON(occasion.rawValue), "lease": details, "event": event]
    }

    /// For a command: what a script wants most often.
    var environment: [(name: String, value: String)] {
        [
            ("BERTH_ID", id), ("BERTH_NOTIFY", notifier), ("BERTH_WHAT", occasion.rawValue), ("BERTH_LEASE", lease),
            ("BERTH_LEASE_NAME", event["name"]?.string ?? details["name"]?.string ?? ""),
            ("BERTH_OWNER", details["owner"]?.string ?? ""),
            ("BERTH_STATE", event["state"]?.string ?? details["state"]?.string ?? ""), ("BERTH_REASON", event["reason"]?.string ?? ""),
        ]
    }
}
