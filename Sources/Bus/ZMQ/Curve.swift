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
