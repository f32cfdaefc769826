import CSodium
import CZMQ
import Glibc
import JSON
public import Model
import Platform

/// The directory of keys, mode 0700: `NAME.json` for each key that is allowed, `host.json` with the host's own pair, `backend.secret`
/// from which the tokens of components come. Written by `berth keys`, read by the host, which notices changes at once.
public struct KeyDirectory: Sendable {
    public let path: String

    public init(_ path: String) {
        self.path = path
    }

    private func refusal(_ failure: Files.Failure) -> BerthError {
        BerthError(.denied, "cannot use the keys in \(path)", hint: "run as the user that the host runs as", native: failure.description)
    }

    /// Makes the directory if there is none.
    public func prepare() throws(BerthError) {
        do throws(Files.Failure) {
            try Files.makeDirectory(path, mode: 0o700)
        } catch {
            throw refusal(error)
        }
    }

    private func write(_ name: String, _ content: [UInt8]) throws(BerthError) {
        try prepare()
        do throws(Files.Failure) {
            try Files.write("\(path)/\(name)", content, mode: 0o600)
        } catch {
            throw refusal(error)
        }
    }

    /// All keys that are allowed, by name. A file that is none is left out, and the log says so.
    public func list() -> [AllowedKey] {
        Files.names(in: path).filter { $0.hasSuffix(".json") && $0 != "host.json" }.compactMap { name in
            guard let bytes = try? Files.read("\(path)/\(name)"), let json = try? JSON(parsing: bytes), let key = AllowedKey(json),
                "\(key.name).json" == name
            else {
                Log.warning("this file is no key and is ignored", ["file": "\(path)/\(name)"])
                return nil
            }
            return key
        }
    }

    /// Lets a public key in. A name serves one key: another one must be revoked first.
    public func allow(_ key: AllowedKey) throws(BerthError) {
        guard AllowedKey.isName(key.name) else {
            throw BerthError(
                .invalid, "'\(key.name)' is no name for a key", hint: "use 1 to 32 of a-z, 0-9, '-' and '_', and not 'host'", field: "name")
        }
        guard CurveKeys.isKey(key.publicKey) else {
            throw BerthError(.invalid, "this is no public key", hint: "a CURVE key has 40 characters of Z85", field: "public")
        }
        if let other = list().first(where: { $0.name == key.name || $0.publicKey == key.publicKey }) {
            throw BerthError(
                .conflict, "key '\(other.name)' is there already\(other.name == key.name ? "" : " with this public key")",
                hint: "berth keys revoke \(other.name)")
        }
        try write("\(key.name).json", Array((key.json.pretty + "\n").utf8))
    }

    /// From now on the key opens nothing, also where it is connected.
    public func revoke(_ name: String) throws(BerthError) {
        guard AllowedKey.isName(name), unlink("\(path)/\(name).json") == 0 else {
            throw BerthError(.notFound, "there is no key '\(name)'", hint: "berth keys list")
        }
    }

    /// The host's own pair, whose public half clients must know; nil before the first `berth keys new`.
    public func hostKeys() -> CurveKeys? {
        guard let bytes = try? Files.read("\(path)/host.json"), let json = try? JSON(parsing: bytes),
            let publicKey = json["public"]?.string, let secretKey = json["secret"]?.string,
            CurveKeys.publicKey(of: secretKey) == publicKey
        else { return nil }
        return CurveKeys(publicKey: publicKey, secretKey: secretKey)
    }

    public func makeHostKeys() throws(BerthError) -> CurveKeys {
        if let keys = hostKeys() { return keys }
        let keys = try CurveKeys.generate()
        let file: JSON = ["public": .string(keys.publicKey), "secret": .string(keys.secretKey)]
        try write("host.json", Array((file.pretty + "\n").utf8))
        return keys
    }

    // MARK: - Tokens of components

    /// The token with which a component of this name may come to the backend (a keyed BLAKE2b of the name).
    public func token(for component: String) throws(BerthError) -> String {
        var secret = (try? Files.read("\(path)/backend.secret")) ?? []
        if secret.count != 32 {
            secret = [UInt8](repeating: 0, count: 32)
            randombytes_buf(&secret, 32)
            try write("backend.secret", secret)
        }
        return "\(component).\(KeyDirectory.digest(component, secret))"
    }

    /// The name that a token is for; nil: it is none of ours.
    func component(of token: String) -> String? {
        guard let dot = token.lastIndex(of: "."), let secret = try? Files.read("\(path)/backend.secret"), secret.count == 32 else {
            return nil
        }
        let name = String(token[..<dot])
        let wanted = Array(KeyDirectory.digest(name, secret).utf8)
        let given = Array(token[token.index(after: dot)...].utf8)
        guard wanted.count == given.count, sodium_memcmp(wanted, given, wanted.count) == 0 else { return nil }
        return name
    }

    private static func digest(_ name: String, _ secret: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        let text = Array("berth-component:\(name)".utf8)
        crypto_generichash(&digest, 32, text, UInt64(text.count), secret, 32)
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
