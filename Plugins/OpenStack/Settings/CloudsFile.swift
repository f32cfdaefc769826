import Glibc
import JSON

/// `clouds.yaml` and, beside it, `secure.yaml`, as OpenStack's own tools read them.
enum CloudsFile {
    /// The cloud that the settings or `OS_CLOUD` name; an empty object where none is named.
    static func cloud(_ config: JSON, environment: [String: String]) throws(SettingsError) -> JSON {
        guard let name = config["cloud"]?.string ?? environment["OS_CLOUD"] else { return [:] }
        let paths = config["clouds_file"]?.string.map { [$0] } ?? defaults(environment)
        guard let path = paths.first(where: { access($0, R_OK) == 0 }) else {
            throw SettingsError("cloud '\(name)' is named, but there is no clouds.yaml: looked at \(paths.joined(separator: ", "))")
        }
        let clouds = try read(path)["clouds"] ?? [:]
        guard let cloud = clouds[name] else {
            let known = clouds.object?.names.joined(separator: ", ") ?? ""
            throw SettingsError("\(path) has no cloud '\(name)'; it has: \(known)")
        }
        let securePath = folder(path) + "/secure.yaml"
        guard access(securePath, R_OK) == 0, let secure = try read(securePath)["clouds"]?[name] else { return cloud }
        return merged(cloud, secure)
    }

    private static func defaults(_ environment: [String: String]) -> [String] {
        let named = environment["OS_CLIENT_CONFIG_FILE"].map { [$0] } ?? []
        let home = environment["HOME"].map { ["\($0)/.config/openstack/clouds.yaml"] } ?? []
        return named + ["clouds.yaml"] + home + ["/etc/openstack/clouds.yaml"]
    }

    private static func folder(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    private static func read(_ path: String) throws(SettingsError) -> JSON {
        guard let file = fopen(path, "r") else { throw SettingsError("\(path) cannot be read: \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 {
            text += chunk[..<count]
            guard text.count < 1 << 20 else { throw SettingsError("\(path) is larger than 1 MiB") }
        }
        do {
            return try YAML.parse(String(decoding: text, as: UTF8.self))
        } catch {
            throw SettingsError("\(path): \(error)")
        }
    }

    /// The fields of `over` on top of those of `base`, object by object.
    private static func merged(_ base: JSON, _ over: JSON) -> JSON {
        guard var object = base.object, let fields = over.object?.fields else { return over }
        for field in fields { object[field.name] = object[field.name].map { merged($0, field.value) } ?? field.value }
        return .object(object)
    }
}
