import Foundation

/// Listens, but its queue is full and nobody accepts: the system drops what else wants to connect.
final class FullServer {
    let port: UInt16
    private var descriptors: [Int32] = []

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        descriptors.append(listener)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        func withAddress(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
        }
        let isBound = withAddress { bind(listener, $0, size) } == 0 && listen(listener, 0) == 0
        guard isBound, withAddress({ getsockname(listener, $0, &size) }) == 0 else { throw CocoaError(.featureUnsupported) }
        port = UInt16(bigEndian: address.sin_port)
        for _ in 0..<8 {
            let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(filler)
            _ = withAddress { connect(filler, $0, size) }
        }
    }

    deinit { descriptors.forEach { close($0) } }
}
