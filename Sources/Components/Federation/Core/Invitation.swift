import Bus
public import Model

/// The line that one operator copies to another: who a host is, where, and its public key.
///
///     berth://alpha@192.0.2.7:7411/3f0c…   (64 hexadecimal digits)
///
/// It holds no secret. Who accepts it lets that key in, and must be accepted by the same way in return.
public struct Invitation: Sendable, Equatable, CustomStringConvertible {
    public var name: String
    /// `HOST:PORT`; empty where the host listens nowhere.
    public var place: String
    /// In Z85.
    public var key: String

    public init(name: String, address: String?, key: String) {
        self.name = name
        place = address.map { $0.hasPrefix("tcp://") ? String($0.dropFirst(6)) : $0 } ?? ""
        self.key = key
    }

    public var address: String? { place.isEmpty ? nil : "tcp://\(place)" }

    public var description: String { "berth://\(name)@\(place)/\(CurveKeys.hex(of: key) ?? "")" }

    /// Reads a line, or says what is wrong with it.
    public init(parsing line: String) throws(BerthError) {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, words[0].hasPrefix("berth://"), let at = words[0].firstIndex(of: "@"),
            let slash = words[0].lastIndex(of: "/"), at < slash
        else {
            throw BerthError(
                .invalid, "this is no invitation",
                hint: "copy the whole line that berth members invite printed: berth://NAME@HOST:PORT/KEY",
                field: "line")
        }
        let name = String(words[0][words[0].index(words[0].startIndex, offsetBy: 8)..<at])
        guard MemberSettings.isName(name) else {
            throw BerthError(
                .invalid, "'\(name.prefix(64))' is no name for a member", hint: "1 to 32 of a-z, 0-9, '-' and '_'", field: "line")
        }
        guard let key = CurveKeys.key(hex: words[0][words[0].index(after: slash)...]) else {
            throw BerthError(
                .invalid, "the key in the invitation is damaged", hint: "it has 64 hexadecimal digits; copy the whole line", field: "line")
        }
        let place = words[0][words[0].index(after: at)..<slash]
        if !place.isEmpty {
            guard let colon = place.lastIndex(of: ":"), colon > place.startIndex, let port = Int(place[place.index(after: colon)...]),
                (1...65_535).contains(port)
            else { throw BerthError(.invalid, "'\(place)' is no HOST:PORT", field: "line") }
        }
        self.init(name: name, address: place.isEmpty ? nil : String(place), key: key)
    }
}
