import Frames
import JSON

/// Reads any bytes as a header line, from a client, from a component and as a reply. What is read is written again and must come back the
/// same; behind a newline stands a body, and what looks like a flat object must be one.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    let line = Array(bytes.prefix { $0 != 0x0A })
    let body = bytes.dropFirst(line.count + 1)
    if let request = try? RequestHeader(parsing: line) {
        precondition((try? RequestHeader(parsing: request.bytes)) == request)
    }
    if let reply = try? ReplyHeader(parsing: line) {
        precondition(reply.bytes == line)
    }
    line.withUnsafeBytes { line in
        if let scan = try? HeaderScan(line, from: .component) {
            precondition(!scan.verb.string(in: line).isEmpty && !scan.id.string(in: line).isEmpty)
        }
        _ = HeaderScan.id(of: line)
    }
    let parsed = try? JSON(parsing: Array(body))
    if body.withUnsafeBytes({ JSON.isFlatObject($0) }) { precondition(parsed?.object != nil) }
    if let parsed { precondition((try? JSON(parsing: parsed.bytes))?.bytes == parsed.bytes) }
    return 0
}
