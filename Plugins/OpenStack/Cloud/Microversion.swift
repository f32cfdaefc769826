import PluginKit

/// A version of Nova's API: every feature has one that it came with.
struct Microversion: Sendable, Comparable, CustomStringConvertible {
    var major: Int
    var minor: Int

    /// The newest that this driver was written for: servers carry their flavor (2.47), a new server has an explicit host (2.74).
    static let newest = Microversion(major: 2, minor: 79)
    /// Without it a server cannot be made without a network.
    static let oldest = Microversion(major: 2, minor: 37)

    init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    init?(_ text: String) {
        let parts = text.split(separator: ".").compactMap { Int($0) }
        guard parts.count == 2 else { return nil }
        self.init(major: parts[0], minor: parts[1])
    }

    static func < (left: Microversion, right: Microversion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    var description: String { "\(major).\(minor)" }

    /// The newest that both sides speak.
    static func choose(minimum: String, maximum: String) throws(DriverError) -> Microversion {
        guard let lowest = Microversion(minimum), let highest = Microversion(maximum) else {
            throw .unsupported("Nova names no microversions: it is older than 2015 (this driver needs \(oldest) or newer)")
        }
        guard highest >= oldest else { throw .unsupported("Nova speaks up to \(highest); this driver needs \(oldest) or newer") }
        guard lowest <= newest else { throw .unsupported("Nova speaks \(lowest) and newer; this driver knows up to \(newest)") }
        return min(highest, newest)
    }
}
