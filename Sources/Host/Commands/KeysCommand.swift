import Bus
import JSON
import Model
import Platform

/// `berth keys new NAME`
struct KeysNewCommand: Command {
    static let path = ["keys", "new"]
    static let summary = "make a key that may talk to this host over TCP"
    static let usage = "NAME [--operator | --component] [--out FILE]"
    static let example = "berth keys new alice --out alice.key"
    static let options: [OptionSpec] = [
        .flag("--operator", help: "it sees and does everything (default: only what is its own)"),
        .flag("--component", help: "it may bring components to the backend"),
        .value("--out", value: "FILE", help: "write the key there, mode 0600 (default: NAME.key)"),
    ]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let directory = KeyDirectory(Places(arguments).keys)
        let name = arguments.operands[0]
        let path = arguments.value("--out") ?? "\(name).key"
        let host = try directory.makeHostKeys()
        let pair = try CurveKeys.generate()
        try directory.allow(AllowedKey(name: name, publicKey: pair.publicKey, role: keyRole(arguments)))
        let file: JSON = [
            "name": .string(name), "public": .string(pair.publicKey), "secret": .string(pair.secretKey), "host": .string(host.publicKey),
        ]
        do {
            try Files.write(path, Array((file.pretty + "\n").utf8), mode: 0o600)
        } catch {
            try directory.revoke(name)
            throw BerthError(.denied, "cannot write \(path)", cause: error)
        }
        print("\(path): give it to \(name), over a safe way, and nobody else. The host keeps only the public half.")
        return .done
    }
}

/// `berth keys list`
struct KeysListCommand: Command {
    static let path = ["keys", "list"]
    static let summary = "list the keys that this host lets in"
    static let usage = "[-o json|name]"
    static let example = "berth keys list"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let directory = KeyDirectory(Places(arguments).keys)
        let keys = directory.list()
        switch try arguments.output() {
        case .json: print(JSON.array(keys.map { $0.json }).pretty)
        case .name: for key in keys { print(key.name) }
        case .table:
            var table = Table("NAME", "ROLE", "CREATED", "PUBLIC KEY")
            for key in keys { table.add(key.name, key.role.rawValue, key.created, key.publicKey) }
            print(table.text)
            if let host = directory.hostKeys() { print("\nthe host's own public key: \(host.publicKey)") }
        }
        return .done
    }
}

/// `berth keys allow NAME PUBLIC`
struct KeysAllowCommand: Command {
    static let path = ["keys", "allow"]
    static let summary = "let in a key whose secret half somebody else made and keeps"
    static let usage = "NAME PUBLIC-KEY [--operator | --component]"
    static let example = "berth keys allow bob 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID'"
    static let options: [OptionSpec] = KeysNewCommand.options.filter { $0.value == nil }
    static let operands = 2...2

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let directory = KeyDirectory(Places(arguments).keys)
        let host = try directory.makeHostKeys()
        try directory.allow(AllowedKey(name: arguments.operands[0], publicKey: arguments.operands[1], role: keyRole(arguments)))
        print("allowed; it has to know this host's public key: \(host.publicKey)")
        return .done
    }
}

/// `berth keys revoke NAME`
struct KeysRevokeCommand: Command {
    static let path = ["keys", "revoke"]
    static let summary = "let a key in no longer; a running host obeys at once"
    static let usage = "NAME"
    static let example = "berth keys revoke alice"
    static let options: [OptionSpec] = []
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try KeyDirectory(Places(arguments).keys).revoke(arguments.operands[0])
        print("revoked")
        return .done
    }
}

/// `berth keys token NAME`
struct KeysTokenCommand: Command {
    static let path = ["keys", "token"]
    static let summary = "print the token with which a component elsewhere may join this host"
    static let usage = "COMPONENT"
    static let example = "berth keys token monitor > monitor.token"
    static let options: [OptionSpec] = []
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        print(try KeyDirectory(Places(arguments).keys).token(for: arguments.operands[0]))
        return .done
    }
}

private func keyRole(_ arguments: Arguments) throws -> Account.Role {
    guard !arguments.has("--operator") || !arguments.has("--component") else {
        throw UsageError("a key is an operator's or a component's, not both")
    }
    return arguments.has("--operator") ? .operator : arguments.has("--component") ? .component : .client
}
