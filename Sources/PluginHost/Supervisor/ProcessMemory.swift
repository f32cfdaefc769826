import CShim
import Glibc

/// The memory that a process has for itself: private pages, in memory or swapped out, from `/proc/PID/smaps_rollup`.
public enum ProcessMemory {
    /// In bytes; nil: the process is gone, or may not be looked at.
    public static func privateBytes(of process: Int32) -> Int? {
        let descriptor = open("/proc/\(process)/smaps_rollup", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        return privateBytes(in: String(decoding: buffer[..<count], as: UTF8.self))
    }

    static func privateBytes(in text: String) -> Int? {
        var sum: Int?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 2, counted.contains(words[0]), let kilobytes = Int(words[1]) else { continue }
            sum = (sum ?? 0) + kilobytes << 10
        }
        return sum
    }

    private static let counted: Set<Substring> = ["Private_Clean:", "Private_Dirty:", "Private_Hugetlb:", "Swap:"]
}
