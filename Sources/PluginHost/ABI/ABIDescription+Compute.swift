extension ABIDescription {
    /// `[abi compute/1]`, built in: a configuration may leave it out, and what it says must be this. A test holds it
    /// against plugins.conf and driver.h.
    public static let compute: ABIDescription = {
        var abi = ABIDescription(name: "compute", revision: 1, aliases: [], calls: [])
        for (name, type) in [("handle", "ptr"), ("status", "i32")] {
            guard let alias = try? SignatureParser.alias(name, type, known: abi.aliases) else { continue }
            abi.aliases.append(alias)
        }
        let calls = [
            ("open", "status (ptr host, ptr call, bytes config, out handle driver)"),
            ("close", "void (handle driver)"),
            ("health", "status (handle driver, ptr call)"),
            ("capacity", "status (handle driver, ptr call)"),
            ("catalog", "status (handle driver, ptr call)"),
            ("list", "status (handle driver, ptr call)"),
            ("inspect", "status (handle driver, ptr call, cstring id)"),
            ("create", "status (handle driver, ptr call, cstring key, bytes spec)"),
            ("action", "status (handle driver, ptr call, cstring id, cstring verb, bytes args)"),
        ]
        for (name, signature) in calls {
            guard let call = try? SignatureParser.call(name, signature, aliases: abi.aliases) else { continue }
            abi.calls.append(call)
        }
        return abi
    }()
}
