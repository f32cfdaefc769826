import Glibc

/// From what ZAP said of a connection to the account behind it, anew for every message. `uid:1000` or `key:3`, the third of the
/// ring's slots; ZAP's word comes before anything that a peer claims of itself, so it cannot be forged.
struct Accounts {
    private let ours = geteuid()
    private var users: [UInt32: Account] = [:]

    mutating func find(_ user: UnsafePointer<CChar>?, _ keys: borrowing KeyRing) -> Account? {
        guard let user else { return nil }
        if strncmp(user, "uid:", 4) == 0 {
            guard let uid = Accounts.number(user + 4) else { return nil }
            if let account = users[uid] { return account }
            let account = Account(owner: "uid:\(uid)", role: uid == 0 || uid == ours ? .operator : .client)
            users[uid] = account
            return account
        }
        guard strncmp(user, "key:", 4) == 0, let slot = Accounts.number(user + 4) else { return nil }
        return keys.account(slot: Int(slot))
    }

    /// Whether there is an account behind a connection, without a look at which.
    func isKnown(_ user: UnsafePointer<CChar>?, _ keys: borrowing KeyRing) -> Bool {
        guard let user else { return false }
        if strncmp(user, "uid:", 4) == 0 { return Accounts.number(user + 4) != nil }
        guard strncmp(user, "key:", 4) == 0, let slot = Accounts.number(user + 4) else { return false }
        return keys.isKnown(slot: Int(slot))
    }

    private static func number(_ text: UnsafePointer<CChar>) -> UInt32? {
        var value: UInt64 = 0
        var at = text
        guard at.pointee != 0 else { return nil }
        while at.pointee != 0 {
            guard at.pointee >= 0x30, at.pointee <= 0x39 else { return nil }
            value = value * 10 + UInt64(at.pointee - 0x30)
            guard value <= UInt32.max else { return nil }
            at += 1
        }
        return UInt32(value)
    }
}
