public import Model

/// What arrives when, as a trace file tells it.
public struct Workload: Sendable {
    public struct Job: Sendable {
        public var id: String
        public var owner: String
        /// Milliseconds from the trace's time 0.
        public var submit: Int64
        /// Nil: best effort.
        public var start: Int64?
        public var requested: Int64
        /// What it really takes, if nobody stops it.
        public var real: Int64
        public var machines: Int
        public var each: Resources
    }

    public var jobs: [Job]

    public init(jobs: [Job] = []) {
        self.jobs = jobs
    }

    /// Puts the jobs of another workload in between, by time of submission.
    public mutating func merge(_ other: Workload) {
        jobs = (jobs + other.jobs).enumerated().sorted { left, right in
            left.element.submit != right.element.submit ? left.element.submit < right.element.submit : left.offset < right.offset
        }.map(\.element)
    }

    /// Reads the Standard Workload Format: 18 columns, `;` begins a comment. Every line is a best-effort lease for the time asked for
    /// (column 9), of as many machines as it had processors (column 5, else 8) divided by `perMachine`, rounded up.
    ///
    /// Jobs that the log marks as cancelled before they ran (run time of 0 or less) are left out, as Haizea's converter does. A job
    /// that ran longer than it asked for is taken to have ended when its time was up.
    public init(swf text: String, perMachine: Int = 1, each: Resources) throws(BerthError) {
        jobs = []
        try Workload.lines(text, "SWF") { (line, columns) throws(BerthError) in
            guard columns.count >= 9, let submit = columns[1], let run = columns[3], let asked = columns[8] else {
                throw BerthError(.invalid, "line \(line) of the SWF file has fewer than 9 numbers")
            }
            let processors = [columns[4], columns[7]].compactMap { $0 }.first { $0 > 0 } ?? 0
            guard run > 0, processors > 0 else { return }
            let requested = asked > 0 ? asked : run
            jobs.append(
                Job(
                    id: "j\(columns[0].map { Int($0) } ?? line)", owner: columns.count > 11 ? "\(Int(columns[11] ?? -1))" : "",
                    submit: Int64(submit * 1000), start: nil, requested: Int64(requested * 1000), real: Int64(min(run, requested) * 1000),
                    machines: (Int(processors) + perMachine - 1) / perMachine, each: each))
        }
    }

    /// Reads Haizea's lease format: `submit start duration realduration nodes cpus memory disk image bandwidth`; a start below zero is
    /// best effort. Disk images are taken to be in place.
    public init(lwf text: String) throws(BerthError) {
        jobs = []
        try Workload.lines(text, "LWF") { (line, columns) throws(BerthError) in
            guard columns.count >= 7, let submit = columns[0], let start = columns[1], let duration = columns[2], let real = columns[3],
                let count = columns[4], let cpus = columns[5], let memory = columns[6], duration > 0, count > 0
            else {
                throw BerthError(.invalid, "line \(line) of the LWF file is not 'submit start duration realduration nodes cpus memory …'")
            }
            jobs.append(
                Job(
                    id: "r\(line)", owner: "", submit: Int64(submit * 1000), start: start < 0 ? nil : Int64(start * 1000),
                    requested: Int64(duration * 1000), real: Int64(min(real, duration) * 1000), machines: Int(count),
                    each: .machine(cpus: cpus, memoryMiB: Int64(memory))))
        }
    }

    private static func lines(_ text: String, _ format: String, _ body: (Int, [Double?]) throws(BerthError) -> Void) throws(BerthError) {
        var number = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let first = words.first, !first.hasPrefix(";"), !first.hasPrefix("#") else { continue }
            try body(number, words.map { Double($0) })
        }
    }
}
