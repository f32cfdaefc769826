extension SimulationResult {
    /// One line a lease; times in seconds from the trace's time 0, empty where there is none.
    public var csv: String {
        var text =
            "lease,kind,machines,submit_s,planned_start_s,start_s,end_s,requested_s,real_s,wait_s,bounded_slowdown,preemptions,state\n"
        func seconds(_ time: Int64?) -> String { time.map { "\(Double($0) / 1000)" } ?? "" }
        for record in records {
            let job = record.job
            let slowdown = job.start == nil ? record.boundedSlowdown.map { "\($0)" } ?? "" : ""
            let fields = [
                job.id, job.start == nil ? "best-effort" : "advance", "\(job.machines)", seconds(job.submit), seconds(job.start),
                seconds(record.start), seconds(record.end), seconds(job.requested), seconds(job.real),
                seconds(record.start.map { $0 - job.submit }), slowdown, "\(record.preemptions)",
                record.end != nil ? "done" : record.accepted ? "open" : "rejected",
            ]
            text += fields.joined(separator: ",") + "\n"
        }
        return text
    }

    /// A picture of the run: nodes from top to bottom, time from left to right, reservations in orange, best effort in blues and
    /// greens with a dark edge where it was put to sleep; above it how many machines wait.
    public func svg(nodes: Int, width: Int = 1600) -> String {
        let last = max(1, records.compactMap(\.end).max() ?? 1)
        let row = max(2.0, min(14.0, 640.0 / Double(max(1, nodes))))
        let (left, top, queue) = (56.0, 34.0, 90.0)
        let height = top + queue + 14 + row * Double(nodes) + 34
        let scale = (Double(width) - left - 16) / Double(last)
        let base = top + queue + 14
        func number(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(Int(height))" viewBox="0 0 \(width) \(Int(height))" \
            font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fcfcfa"/>
            <text x="\(left)" y="20" font-size="14" fill="#222">\(bestEffort.completed) best-effort leases, \(advance.completed) reservations, \
            \(nodes) nodes; utilisation \(number(utilisation * 100)) %, mean wait \(number(meanWait / 60)) min, \(preemptions) preemptions</text>
            <rect x="\(left)" y="\(base)" width="\(number(Double(last) * scale))" height="\(number(row * Double(nodes)))" fill="#eeece6"/>\n
            """
        let day = 86_400_000.0
        var stride = day
        while Double(last) / stride > 32 { stride *= 2 }
        while Double(last) / stride < 4, stride > 3_600_000 { stride /= 2 }
        var tick = 0.0
        while tick <= Double(last) {
            let x = number(left + tick * scale)
            let label = stride >= day ? "day \(Int(tick / day))" : "\(number(tick / 3_600_000)) h"
            text += "<path d=\"M\(x) \(top)V\(number(height - 24))\" stroke=\"#d8d5cc\" stroke-width=\"0.7\"/>"
            text += "<text x=\"\(x)\" y=\"\(number(height - 8))\" fill=\"#666\" text-anchor=\"middle\">\(label)</text>\n"
            tick += stride
        }
        text += waitingCurve(last: last, left: left, top: top, height: queue, width: width, scale: scale)
        text += "<text x=\"\(left - 6)\" y=\"\(number(base + 10))\" text-anchor=\"end\" fill=\"#666\">nodes</text>\n"
        for record in records {
            for (turn, begin) in record.begins.enumerated() where turn < record.turns.count {
                let paused = turn < record.pauses.count ? record.pauses[turn] : nil
                guard let end = paused ?? record.end else { continue }
                for run in SimulationResult.runs(record.turns[turn]) {
                    let shape =
                        "x=\"\(number(left + Double(begin) * scale))\" y=\"\(number(base + Double(run.lowerBound) * row))\" "
                        + "width=\"\(number(max(0.4, Double(end - begin) * scale)))\" height=\"\(number(Double(run.count) * row))\""
                    text += "<rect \(shape) fill=\"\(SimulationResult.colour(record))\"><title>\(record.job.id)</title></rect>"
                    if paused != nil {
                        let x = number(left + Double(end) * scale)
                        text +=
                            "<path d=\"M\(x) \(number(base + Double(run.lowerBound) * row))v\(number(Double(run.count) * row))\" stroke=\"#222\" stroke-width=\"0.8\"/>"
                    }
                }
            }
            if record.turns.count > 0 { text += "\n" }
        }
        return text + "</svg>\n"
    }

    /// How many machines wait, over time.
    private func waitingCurve(last: Int64, left: Double, top: Double, height: Double, width: Int, scale: Double) -> String {
        var changes: [Int: Int] = [:]
        let columns = width - Int(left) - 16
        for record in records where record.accepted && record.job.start == nil {
            let from = Int(Double(record.job.submit) * scale)
            let to = Int(Double(record.start ?? last) * scale)
            guard to > from else { continue }
            changes[from, default: 0] += record.job.machines
            changes[to, default: 0] -= record.job.machines
        }
        var (level, highest) = (0, 1)
        var levels: [Int] = []
        for column in 0...columns {
            level += changes[column] ?? 0
            highest = max(highest, level)
            levels.append(level)
        }
        var path = "M\(left) \(top + height)"
        for (column, level) in levels.enumerated() {
            path += "L\(Int(left) + column) \(Int(top + height - height * Double(level) / Double(highest)))"
        }
        path += "L\(Int(left) + columns) \(top + height)Z"
        return
            "<path d=\"\(path)\" fill=\"#b9b3c9\"/><text x=\"\(left - 6)\" y=\"\(top + 10)\" text-anchor=\"end\" fill=\"#666\">\(highest)</text>"
            + "<text x=\"\(left - 6)\" y=\"\(top + height)\" text-anchor=\"end\" fill=\"#666\">waiting</text>\n"
    }

    /// Neighbouring nodes as ranges.
    static func runs(_ nodes: [Int]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for node in Set(nodes).sorted() {
            if let last = runs.last, last.upperBound == node {
                runs[runs.count - 1] = last.lowerBound..<node + 1
            } else {
                runs.append(node..<node + 1)
            }
        }
        return runs
    }

    private static func colour(_ record: LeaseRecord) -> String {
        if record.isReservation { return "#e08a2c" }
        var hash: UInt64 = 1_469_598_103_934_665_603
        for byte in record.job.id.utf8 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
        return "hsl(\(165 + hash % 75),\(38 + hash / 75 % 20)%,\(46 + hash / 1500 % 22)%)"
    }
}
