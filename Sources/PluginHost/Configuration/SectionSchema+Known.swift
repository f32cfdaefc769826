extension SectionSchema {
    /// Every section that a configuration may have. A room that reads a key of its own adds it here.
    static let known: [SectionSchema] = [
        SectionSchema(
            kind: "host", naming: .none,
            keys: [
                .key("plugin-path", .text), .key("isolation", isolation), .key("restart", .budget), .key("name", .text),
                .key("log-level", .word(["error", "warning", "info", "debug"])),
                .key("log-format", .word(["logfmt", "json"])), .key("listen", .list), .key("listen-events", .list),
                .key("listen-backend", .list),
            ]),
        SectionSchema(kind: "abi", naming: .revision, keys: [.key("type *", .text), .key("call *", .text)]),
        SectionSchema(
            kind: "plugin", naming: .dotted,
            keys: [
                .key("module", .text, required: true), .key("abi", .text), .key("sha256", .sha256),
                .key("style", .word(PluginSection.Style.allCases.map { $0.rawValue })),
                .key("symbol.*", .text), .key("call *", .text), .key("capabilities", .list), .key("enabled", .bool),
            ]),
        SectionSchema(
            kind: "provider", naming: .plain,
            keys: [
                .key("plugin", .text, required: true), .key("enabled", .bool), .key("isolation", isolation), .key("restart", .budget),
                .key("threads", .integer(1...256)), .key("deadline", .duration), .key("deadline.*", .duration),
                .key("memory", .size), .key("descriptors", .integer(32...1_048_576)), .key("overcommit.*", .number(0.01...1000)),
                .key("env.*", .setting), .key("config.*", .setting), .key("tag.*", .text),
            ] + poll),
        SectionSchema(
            kind: "flavor", naming: .dotted,
            keys: [
                .key("cpus", .number(0.001...4096), required: true), .key("memory-mib", .integer(1...(1 << 30)), required: true),
                .key("disk-gib", .integer(0...(1 << 30))), .key("resource.*", .number(0...1e9)),
            ]),
        SectionSchema(kind: "image", naming: .dotted, keys: [.key("*", .text)]),
        SectionSchema(kind: "template", naming: .dotted, keys: [.key("*", .text)]),
        SectionSchema(
            kind: "notify", naming: .plain,
            keys: [
                .key("command", .text), .key("url", .setting), .key("on", .list), .key("before-start", .duration),
                .key("before-end", .duration), .key("timeout", .duration), .key("retry", .duration), .key("retries", .integer(0...1000)),
            ]),
        SectionSchema(
            kind: "member", naming: .plain,
            keys: [
                .key("key", .text, required: true), .key("address", .text), .key("enabled", .bool), .key("rendezvous", .bool),
                .key("accept", .bool),
                .key("offer.*", .number(0...1e9)), .key("accept.*", .number(0...1e9)), .key("ttl", .duration),
            ]),
        SectionSchema(
            kind: "scheduler", naming: .none,
            keys: [
                .key("backfill", .text), .key("policy", .text), .key("placement", .word(["pack", "spread"])),
                .key("prepare-ahead", .duration), .key("prepare-within", .duration), .key("suspend-rate", .size),
                .key("half-life", .duration), .key("quota.*", .number(0...1e9)),
            ]),
        SectionSchema(
            kind: "monitor", naming: .none,
            keys: [
                .key("grow-above", .number(0...1)), .key("shrink-below", .number(0...1)), .key("settle", .duration),
                .key("renew-before", .duration), .key("here", .bool),
            ] + poll),
        SectionSchema(
            kind: "federation", naming: .none,
            keys: [
                .key("name", .text), .key("listen", .list), .key("rendezvous", .bool), .key("period", .duration), .key("ttl", .duration),
                .key("address", .text), .key("picker", .word(["round-robin", "most-free"])), .key("offer.*", .number(0...1e9)),
                .key("accept", .list),
            ]),
        SectionSchema(
            kind: "gateway", naming: .none,
            keys: [
                .key("listen", .list), .key("certificate", .text), .key("key-file", .text), .key("console", .bool),
                .key("threads", .integer(1...256)),
            ]),
        SectionSchema(
            kind: "ledger", naming: .none,
            keys: [.key("keep-events", .integer(1000...1_000_000_000)), .key("keep-answers", .duration)]),
        SectionSchema(
            kind: "price", naming: .plain,
            keys: [.key("cpu-hour", .number(0...1e9)), .key("gib-hour", .number(0...1e9)), .key("factor.*", .number(0...1e6))]),
    ]

    /// How often the Monitor looks at things.
    private static let poll: [Key] =
        [.key("poll", .duration)]
        + ["list", "capacity", "catalog", "health", "inspect", "usage", "renew"].map { .key("poll.\($0)", .duration) }

    private static let isolation = ValueType.word(Isolation.allCases.map { $0.rawValue })
}
