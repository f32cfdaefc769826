@testable import PluginHost

/// Reads any bytes as a driver's file.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = UnsafeBufferPointer(start: data, count: count)
    let file = try? ELFFile { offset, length in
        offset >= 0 && length >= 0 && offset <= count && length <= count - offset ? Array(bytes[offset..<(offset + length)]) : nil
    }
    if let file { _ = try? DriverNote(of: file) }
    return 0
}
