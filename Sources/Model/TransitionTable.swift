/// States with one table of what may follow what. `Lease`, `Machine` and `Intent` move only through it.
public protocol StateWithTransitions: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// What a thing in this state is called in messages: `lease`.
    static var noun: String { get }
    /// The states that may come next. Empty: final.
    var successors: [Self] { get }
}

extension StateWithTransitions {
    /// Nothing comes after a final state.
    public var isFinal: Bool { successors.isEmpty }

    public func canMove(to next: Self) -> Bool { successors.contains(next) }

    /// Moves, or throws `broken`: an illegal transition is a programming error, never a user's.
    public mutating func move(to next: Self) throws(BerthError) {
        guard canMove(to: next) else {
            throw BerthError(.broken, "a \(Self.noun) cannot go from \(rawValue) to \(next.rawValue)", hint: "please report this")
        }
        self = next
    }
}
