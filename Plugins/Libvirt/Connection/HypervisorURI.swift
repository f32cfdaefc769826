import PluginKit

/// A libvirt URI as far as the driver has to know it: `DRIVER[+TRANSPORT]://[HOST]/PATH[?QUERY]`.
struct HypervisorURI: Sendable, Equatable, CustomStringConvertible {
    var text: String
    /// `qemu`, `test`, `lxc` …
    var driver: String
    /// `ssh`, `tls`, `unix` …
    var transport: String?
    var host: String
    var path: String
    var query: [(name: String, value: String)]

    init(_ text: String) throws(DriverError) {
        self.text = text
        guard let colon = text.range(of: "://") else {
            throw .invalid("config.uri '\(text)' is no libvirt URI: it starts with DRIVER://, such as qemu:///system")
        }
        let scheme = text[..<colon.lowerBound].split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        driver = String(scheme.first ?? "")
        transport = scheme.count > 1 ? String(scheme[1]) : nil
        var rest = text[colon.upperBound...]
        var pairs: [(name: String, value: String)] = []
        if let mark = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: mark)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                pairs.append((HypervisorURI.unescaped(parts[0]), parts.count > 1 ? HypervisorURI.unescaped(parts[1]) : ""))
            }
            rest = rest[..<mark]
        }
        query = pairs
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        host = String(rest[..<slash])
        path = String(rest[slash...])
        guard !driver.isEmpty, text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
            throw .invalid("config.uri '\(text)' is no libvirt URI")
        }
    }

    static func == (left: HypervisorURI, right: HypervisorURI) -> Bool { left.text == right.text }

    var description: String { text }

    subscript(name: String) -> String? { query.first { $0.name == name }?.value }

    /// The embedded driver's root: libvirt runs inside this process, no daemon.
    var embeddedRoot: String? { driver == "qemu" && path == "/embed" ? self["root"] : nil }

    /// The in-memory driver: nothing runs, no file is touched.
    var isTest: Bool { driver == "test" }

    /// Whether the hypervisor sees the files that we see.
    var isLocal: Bool { !isTest && host.isEmpty && (transport == nil || transport == "unix") }

    /// Whether it is tested: libvirt's test driver and the embedded one. Others are accepted, and called experimental.
    var isSupported: Bool { isTest || embeddedRoot != nil }

    /// The URI to connect with: ssh must never ask a question, there is nobody to answer.
    var forConnecting: String {
        guard transport == "ssh", self["no_tty"] == nil else { return text }
        return text + (query.isEmpty ? "?" : "&") + "no_tty=1"
    }

    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// Where `text` stands first; the standard library has it only for one character.
    func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
