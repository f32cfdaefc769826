import Glibc
import JSON
import Synchronization

/// Keeps each exchange as a numbered file, so that a stand-in for tests can be built from real traffic. What looks like
/// a secret is replaced before it is written.
public final class HTTPRecorder: Sendable {
    private let folder: String
    private let counter = Atomic<Int>(0)

    static let secretHeaders: Set<String> = ["x-auth-token", "x-subject-token", "authorization", "set-cookie", "cookie"]
    static let secretFields: Set<String> = ["password", "adminPass", "secret", "user_data"]

    /// The folder must exist.
    public init(folder: String) {
        self.folder = folder
    }

    func record(_ request: HTTPRequest, _ response: HTTPResponse) {
        let number = counter.add(1, ordering: .relaxed).newValue
        let exchange: JSON = [
            "request": [
                "method": .string(request.method), "url": .string(request.url), "headers": headers(request.headers),
                "body": body(request.body ?? []),
            ],
            "response": ["status": JSON(response.status), "headers": headers(response.headers), "body": body(response.body)],
        ]
        let digits = String(number)
        let path = "\(folder)/\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits).json"
        guard let file = fopen(path, "w") else { return }
        let text = exchange.pretty + "\n"
        fputs(text, file)
        fclose(file)
    }

    private func headers(_ headers: [(name: String, value: String)]) -> JSON {
        .array(headers.map { [.string($0.name), .string(Self.secretHeaders.contains($0.name.lowercased()) ? "hidden" : $0.value)] })
    }

    private func body(_ bytes: [UInt8]) -> JSON {
        guard let json = try? JSON(parsing: bytes) else { return .string(String(decoding: bytes, as: UTF8.self)) }
        return Self.scrubbed(json)
    }

    static func scrubbed(_ json: JSON) -> JSON {
        switch json {
        case .array(let values): .array(values.map(scrubbed))
        case .object(let object):
            .object(
                JSON.Object(
                    fields: object.fields.map { field in
                        let hide = secretFields.contains(field.name) && field.value.string != nil
                        return JSON.Object.Field(name: field.name, value: hide ? "hidden" : scrubbed(field.value))
                    }))
        default: json
        }
    }
}
