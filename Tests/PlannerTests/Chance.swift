import Foundation

/// Numbers that look random and are the same each time.
struct Chance {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func upTo(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }
    mutating func oneIn(_ bound: Int) -> Bool { upTo(bound) == 0 }

    /// How often a property is tried: few times in the suite, as often as the variable says by hand.
    static func times(_ variable: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap(Int.init) ?? usual
    }
}
