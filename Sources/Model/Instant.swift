/// A moment of real time, in milliseconds since 1970. A plain number: the planner computes with millions of them.
public struct Instant: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }
    public static func + (instant: Instant, milliseconds: Int64) -> Instant { Instant(milliseconds: instant.milliseconds + milliseconds) }
    public static func - (left: Instant, right: Instant) -> Int64 { left.milliseconds - right.milliseconds }

    /// RFC 3339 in UTC, with milliseconds only where there are any: `2026-11-25T14:06:25Z`.
    public var description: String {
        let (days, inDay) = milliseconds.floorDivided(by: 86_400_000)
        let (year, month, day) = Instant.civil(days: days)
        let seconds = inDay / 1000
        let text = "\(year, 4)-\(month, 2)-\(day, 2)T\(seconds / 3600, 2):\(seconds / 60 % 60, 2):\(seconds % 60, 2)"
        return inDay % 1000 == 0 ? text + "Z" : text + ".\(inDay % 1000, 3)Z"
    }

    /// Reads RFC 3339: a date, `T` or a space, a time, an optional fraction, and `Z` or an offset.
    public init?(_ text: String) {
        var reader = Reader(rest: Array(text.utf8)[...])
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"), let day = reader.number(2),
            reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        let days = Instant.days(year: year, month: month, day: day)
        guard Instant.civil(days: days) == (year, month, day) else { return nil }
        let fraction = reader.take(".") ? reader.thousandths() : 0
        guard let fraction, let offset = reader.offset(), reader.rest.isEmpty else { return nil }
        milliseconds = (days * 86_400 + hour * 3600 + minute * 60 + second - offset * 60) * 1000 + fraction
    }

    /// Days since 1970 of a date in the proleptic Gregorian calendar.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, ofEra) = shifted.floorDivided(by: 400)
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, ofEra) = (days + 719_468).floorDivided(by: 146_097)
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let shifted = (5 * ofYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (year + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func take(_ character: Character) -> Bool {
            guard let first = rest.first, first == character.asciiValue else { return false }
            rest.removeFirst()
            return true
        }

        mutating func number(_ digits: Int) -> Int64? {
            guard rest.count >= digits else { return nil }
            var value: Int64 = 0
            for byte in rest.prefix(digits) {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            rest.removeFirst(digits)
            return value
        }

        mutating func thousandths() -> Int64? {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest.removeFirst(digits.count)
            return (0..<3).reduce(0) { value, index in
                value * 10 + (index < digits.count ? Int64(digits[digits.startIndex + index] - 0x30) : 0)
            }
        }

        /// Minutes east of Greenwich.
        mutating func offset() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let east = take("+")
            guard east || take("-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else { return nil }
            return (hours * 60 + minutes) * (east ? 1 : -1)
        }
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let remainder = (self % divisor + divisor) % divisor
        return ((self - remainder) / divisor, remainder)
    }
}

extension DefaultStringInterpolation {
    /// A number with leading zeros.
    fileprivate mutating func appendInterpolation(_ value: Int64, _ width: Int) {
        let digits = String(value)
        appendLiteral(String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits)
    }
}
