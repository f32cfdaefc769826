import Glibc
import Model

/// Times and durations as people write them.
enum LeaseTimes {
    /// `90`, `90s`, `30m`, `4h`, `2d`, `1h30m`: seconds.
    static func seconds(_ text: String, option: String) throws -> Int {
        var total = 0
        var digits = ""
        for character in text {
            if character.isNumber {
                digits.append(character)
                continue
            }
            guard let unit = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800][character], let value = Int(digits) else {
                throw UsageError("\(option) wants a duration such as 90s, 30m, 4h or 2d, not '\(text)'")
            }
            total += value * unit
            digits = ""
        }
        if let rest = Int(digits) {
            total += rest
        } else if total == 0 || !digits.isEmpty {
            throw UsageError("\(option) wants a duration such as 90s, 30m, 4h or 2d, not '\(text)'")
        }
        return total
    }

    /// RFC 3339, `2026-11-30 09:00` and `09:00` in local time, `+30m` from now.
    static func instant(_ text: String, option: String) throws -> Instant {
        let now = Int64(time(nil)) * 1000
        if text.hasPrefix("+") {
            return Instant(milliseconds: now + Int64(try seconds(String(text.dropFirst()), option: option)) * 1000)
        }
        if let instant = Instant(text) { return instant }
        if let local = local(text, now: now) { return local }
        throw UsageError("\(option) wants a time such as 2026-11-30T09:00:00Z, '2026-11-30 09:00', 09:00 or +30m, not '\(text)'")
    }

    /// `2026-11-30 09:00[:SS]` (or with a `T`) and `09:00`, which is the next such time.
    private static func local(_ text: String, now: Int64) -> Instant? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "T" })
        guard let last = words.last, words.count <= 2 else { return nil }
        let clock = last.split(separator: ":", omittingEmptySubsequences: false).map { Int32($0) }
        guard (2...3).contains(clock.count), let hour = clock[0], let minute = clock[1], let second = clock.count == 3 ? clock[2] : 0
        else { return nil }
        var parts = tm()
        var seconds = time_t(now / 1000)
        localtime_r(&seconds, &parts)
        if words.count == 2 {
            let date = words[0].split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) }
            guard date.count == 3, let year = date[0], let month = date[1], let day = date[2], (1...12).contains(month),
                (1...31).contains(day)
            else { return nil }
            (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
        }
        guard (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second) else { return nil }
        (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (hour, minute, second, -1)
        var found = mktime(&parts)
        if words.count == 1, found <= now / 1000 {
            (parts.tm_mday, parts.tm_isdst) = (parts.tm_mday + 1, -1)
            found = mktime(&parts)
        }
        return Instant(milliseconds: Int64(found) * 1000)
    }

    /// How long until then, or since: `in 4h 10m`, `2m ago`.
    static func distance(to text: String?) -> String {
        guard let text, let instant = Instant(text) else { return "-" }
        let seconds = (instant.milliseconds - Int64(time(nil)) * 1000) / 1000
        return seconds >= 0 ? "in \(span(seconds))" : "\(span(-seconds)) ago"
    }

    static func span(_ seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds)s"
        case ..<7200: "\(seconds / 60)m"
        case ..<172_800: "\(seconds / 3600)h \(seconds % 3600 / 60)m"
        default: "\(seconds / 86_400)d \(seconds % 86_400 / 3600)h"
        }
    }
}
