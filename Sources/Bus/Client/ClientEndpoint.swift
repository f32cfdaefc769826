import CZMQ
import Model

/// Where a host is, and the keys for the way there.
public struct ClientEndpoint: Sendable {
    public var address: String
    /// Our own pair and the host's public key: needed for TCP.
    public var keys: CurveKeys?
    public var hostKey: String?
    /// Milliseconds that a request waits for a connection before it is `unreachable`; 0: until the first attempt fails.
    public var patience: Int64 = 3000
    /// Over TCP: milliseconds between two heartbeats; a connection that is silent for two of them is given up and made anew.
    public var heartbeat: Int32 = 15_000

    public init(_ address: String, keys: CurveKeys? = nil, hostKey: String? = nil) {
        self.address = address
        self.keys = keys
        self.hostKey = hostKey
        if address.hasPrefix("ipc://") { patience = 0 }
    }

    /// A DEALER that leads there.
    func connect(in context: ZMQContext) throws(BerthError) -> Socket {
        let socket = try Socket(.dealer, in: context)
        socket.set(ZMQ_SNDHWM, Int32(0))
        socket.set(ZMQ_RCVHWM, Int32(0))
        socket.set(ZMQ_RECONNECT_IVL, Int32(50))
        socket.set(ZMQ_RECONNECT_IVL_MAX, Int32(1000))
        if address.hasPrefix("tcp://") {
            guard let keys, let hostKey else {
                throw BerthError(
                    .invalid, "\(address) needs a key", hint: "berth keys new NAME on the host makes one; then --key FILE here")
            }
            socket.set(ZMQ_CURVE_SERVERKEY, hostKey)
            socket.set(ZMQ_CURVE_PUBLICKEY, keys.publicKey)
            socket.set(ZMQ_CURVE_SECRETKEY, keys.secretKey)
            socket.set(ZMQ_HEARTBEAT_IVL, heartbeat)
            socket.set(ZMQ_HEARTBEAT_TIMEOUT, 2 * heartbeat)
            // The system's own patience with a connection is minutes: too long for a way that is open again.
            socket.set(ZMQ_CONNECT_TIMEOUT, Int32(5000))
            // A host that does not know our key (yet) does not say so.
            socket.set(ZMQ_HANDSHAKE_IVL, min(10_000, max(2000, heartbeat)))
        }
        return socket
    }
}
