import CZMQ
public import Model

/// A CURVE key pair in Z85, 40 characters each.
public struct CurveKeys: Sendable, Equatable {
    public var publicKey: String
    public var secretKey: String

    public init(publicKey: String, secretKey: String) {
        self.publicKey = publicKey
        self.secretKey = secretKey
    }

    /// A new pair (`zmq_curve_keypair`).
    public static func generate() throws(BerthError) -> CurveKeys {
        var pair = [CChar](repeating: 0, count: 82)
        let done = pair.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return zmq_curve_keypair(base, base + 41) == 0
        }
        guard done else { throw ZMQ.error("this libzmq cannot make CURVE keys", hint: "install Debian's libzmq5, which has them") }
        return CurveKeys(publicKey: text(pair[..<40]), secretKey: text(pair[41..<81]))
    }

    /// The public key of a secret one (`zmq_curve_public`); nil if it is none.
    public static func publicKey(of secret: String) -> String? {
        guard isKey(secret) else { return nil }
        var buffer = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&buffer, secret) == 0 else { return nil }
        return text(buffer[..<40])
    }

    /// Whether `text` is a key in Z85.
    public static func isKey(_ text: String) -> Bool {
        guard text.utf8.count == 40 else { return false }
        var bytes = [UInt8](repeating: 0, count: 32)
        return zmq_z85_decode(&bytes, text) != nil
    }

    /// A key as 64 hexadecimal digits, which need no quotes in a shell; nil if it is none.
    public static func hex(of key: String) -> String? {
        guard key.utf8.count == 40 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        guard zmq_z85_decode(&bytes, key) != nil else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The key that `hex(of:)` wrote.
    public static func key(hex: some StringProtocol) -> String? {
        let digits = hex.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 64, hex.utf8.count == 64 else { return nil }
        let bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        return bytes.withUnsafeBytes(encode)
    }

    /// A key as ZAP brings it, 32 bytes, in Z85.
    static func encode(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count == 32, let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return nil }
        var buffer = [CChar](repeating: 0, count: 41)
        guard zmq_z85_encode(&buffer, base, 32) != nil else { return nil }
        return text(buffer[..<40])
    }

    private static func text(_ characters: ArraySlice<CChar>) -> String {
        String(decoding: characters.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
