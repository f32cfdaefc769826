import Foundation
import Platform

/// Numbers that look random and are the same each time.
struct Chance {
    private var source: SplitMix

    init(state: UInt64) { source = SplitMix(state: state) }

    mutating func next() -> UInt64 { source.next() }
    mutating func upTo(_ bound: Int) -> Int { source.below(bound) }
    mutating func oneIn(_ bound: Int) -> Bool { upTo(bound) == 0 }

    /// How often a property is tried: few times in the suite, as often as the variable says by hand.
    static func times(_ variable: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap(Int.init) ?? usual
    }
}
