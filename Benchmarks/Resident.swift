import Glibc

/// Bytes of memory that a process has, from /proc/PID/statm; without one, this process.
func resident(_ process: pid_t? = nil) -> Int {
    guard let file = fopen("/proc/\(process.map { "\($0)" } ?? "self")/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, 256, file) != nil else { return 0 }
    let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
}
