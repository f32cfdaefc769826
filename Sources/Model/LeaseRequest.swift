public import JSON

/// The body of `lease.create`, read and checked.
public struct LeaseRequest: Sendable, Equatable {
    public var terms: LeaseTerms
    /// Whether the answer waits until the lease is active or has failed.
    public var wait: Bool
    /// Whether to only say what would be done.
    public var dryRun: Bool

    /// Reads a body. Unknown fields are `invalid`, with the field's name. With a template, its fields stand where the body says nothing.
    public init(_ body: JSON, template: JSON? = nil) throws(BerthError) {
        var fields = try Fields(template.map { LeaseRequest.merged(body, over: $0) } ?? body)
        terms = try LeaseTerms(&fields)
        wait = try fields.bool("wait") ?? false
        dryRun = try fields.bool("dry_run") ?? false
        try fields.finish()
    }

    /// The name of the template that a body starts from, to be looked up before the body is read.
    public static func templateName(of body: JSON) throws(BerthError) -> String? {
        var fields = try Fields(body)
        return try fields.string("template")
    }

    /// The template's fields, replaced one by one by those of the body that are not null.
    static func merged(_ body: JSON, over template: JSON) -> JSON {
        var merged = template
        for field in body.object?.fields ?? [] where !field.value.isNull || merged[field.name] == nil { merged[field.name] = field.value }
        return merged
    }
}
