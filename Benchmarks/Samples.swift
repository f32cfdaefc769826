import JSON

/// Measured values of one thing: the machine is noisy, so the smallest, the middle and the 99th of a hundred are told.
struct Samples {
    private let sorted: [Int64]

    init(_ values: [Int64]) {
        sorted = values.sorted()
    }

    var least: Int64 { sorted.first ?? 0 }
    var median: Int64 { quantile(0.5) }

    func quantile(_ part: Double) -> Int64 {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }

    /// Nanoseconds as microseconds with a decimal.
    static func microseconds(_ nanoseconds: Int64) -> JSON { .double(Double(nanoseconds / 100) / 10) }

    /// `{"count","min_us","median_us","p99_us"}`
    var json: JSON {
        [
            "count": JSON(sorted.count), "min_us": Samples.microseconds(least), "median_us": Samples.microseconds(median),
            "p99_us": Samples.microseconds(quantile(0.99)),
        ]
    }
}

/// A quotient with two decimals.
func ratio(_ a: Int64, _ b: Int64) -> JSON { .double((Double(a) / Double(max(1, b)) * 100).rounded() / 100) }
