import Glibc
public import JSON
import Model
import Platform

/// A key that may talk to the bus: a small JSON file `NAME.json` in the keys' directory.
public struct AllowedKey: Sendable, Equatable {
    public var name: String
    public var publicKey: String
    public var role: Account.Role
    /// When it was allowed, RFC 3339.
    public var created: String

    public init(name: String, publicKey: String, role: Account.Role, created: String? = nil) {
        self.name = name
        self.publicKey = publicKey
        self.role = role
        self.created = created ?? Instant(milliseconds: Clock.real).description
    }

    public var account: Account { Account(owner: role == .member ? "member:\(name)" : "key:\(name)", role: role) }

    public var json: JSON {
        ["name": .string(name), "public": .string(publicKey), "role": .string(role.rawValue), "created": .string(created)]
    }

    init?(_ json: JSON) {
        guard let name = json["name"]?.string, AllowedKey.isName(name), let key = json["public"]?.string, CurveKeys.isKey(key),
            let role = json["role"]?.string.flatMap(Account.Role.init(rawValue:))
        else { return nil }
        self.init(name: name, publicKey: key, role: role, created: json["created"]?.string ?? "")
    }

    /// A name is part of accounts and of file names.
    public static func isName(_ name: String) -> Bool {
        (1...32).contains(name.utf8.count) && name != "host"
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F }
    }
}
