import PluginKit

/// What a machine is made of, as `spec.image` says it.
enum Image: Sendable, Equatable {
    /// An empty disk, or none.
    case none
    /// `kernel=PATH initrd=PATH cmdline="…"`: the hypervisor loads a kernel directly. Paths are the hypervisor's.
    case kernel(path: String, initrd: String?, commandLine: String?)
    /// A volume or a file.
    case base(String)

    init(_ text: String?) throws(DriverError) {
        guard let text = text?.trimmed, !text.isEmpty else {
            self = .none
            return
        }
        guard text.hasPrefix("kernel=") || text.hasPrefix("initrd=") || text.hasPrefix("cmdline=") else {
            self = .base(text)
            return
        }
        let fields = try Image.fields(text)
        guard let kernel = fields["kernel"] else { throw .invalid("image '\(text)' has an initrd or cmdline but no kernel=PATH") }
        for path in [kernel, fields["initrd"]].compactMap({ $0 }) where !path.hasPrefix("/") {
            throw .invalid("image '\(text)': '\(path)' is no absolute path")
        }
        self = .kernel(path: kernel, initrd: fields["initrd"], commandLine: fields["cmdline"])
    }

    /// `name=value` pairs separated by white space; a value with spaces stands in double quotes, in which `\"` and `\\` are
    /// themselves.
    private static func fields(_ text: String) throws(DriverError) -> [String: String] {
        var fields: [String: String] = [:]
        var rest = text[...]
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            guard !rest.isEmpty else { return fields }
            guard let equals = rest.firstIndex(of: "=") else { throw .invalid("image '\(text)': '\(rest)' is no name=value") }
            let name = String(rest[..<equals])
            guard ["kernel", "initrd", "cmdline"].contains(name) else {
                throw .invalid("image '\(text)': '\(name)' is none of kernel, initrd, cmdline")
            }
            guard fields[name] == nil else { throw .invalid("image '\(text)': '\(name)' stands twice") }
            rest = rest[rest.index(after: equals)...]
            fields[name] = try value(&rest, of: text)
        }
    }

    private static func value(_ rest: inout Substring, of text: String) throws(DriverError) -> String {
        guard rest.first == "\"" else {
            let end = rest.firstIndex { $0 == " " || $0 == "\t" } ?? rest.endIndex
            defer { rest = rest[end...] }
            return String(rest[..<end])
        }
        var value = ""
        var isEscaped = false
        rest = rest.dropFirst()
        while let character = rest.popFirst() {
            if isEscaped {
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                return value
            } else {
                value.append(character)
            }
        }
        throw .invalid("image '\(text)': a quote is not closed")
    }
}

/// A base image that was found: what an overlay stands on. It is only ever read.
struct BaseImage: Sendable, Equatable {
    /// As the hypervisor sees it.
    var path: String
    /// `qcow2`, `raw` … never left for QEMU to guess: a guest could write another format's header into a raw disk.
    var format: String
    /// The size of the disk that it holds, in bytes.
    var capacity: Int

    /// Format and size from the first bytes of a file: qcow2's header (magic, and the size at byte 24), or raw.
    static func identify(_ header: [UInt8], fileSize: Int) -> (format: String, capacity: Int) {
        guard header.count >= 32, header.starts(with: [0x51, 0x46, 0x49, 0xFB]) else { return ("raw", fileSize) }
        let size = header[24..<32].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return ("qcow2", Int(clamping: size))
    }
}
