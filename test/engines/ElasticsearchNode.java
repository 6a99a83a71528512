import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** A node of Elasticsearch from the server's jars alone: home, HTTP port, transport port. Ends when its standard input does. */
public class ElasticsearchNode {
  public static void main(String[] given) throws Exception {
    LogConfigurator.configureWithoutConfig(Settings.builder().put("logger.level", "WARN").build());
    LogConfigurator.setNodeName("test");
    Settings settings = Settings.builder()
        .put("path.home", given[0])
        .put("cluster.name", "assay-test")
        .put("node.name", "test")
        .put("network.host", "127.0.0.1")
        .put("http.port", given[1])
        .put("transport.port", given[2])
        .put("discovery.type", "single-node")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .build();
    Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "test");
    PluginsLoader modules = PluginsLoader.createPluginsLoader(
        PluginsLoader.loadModulesBundles(environment.modulesDir()),
        PluginsLoader.loadPluginsBundles(environment.pluginsDir()),
        Map.of());
    Node node = new Node(environment, modules);
    node.start();
    System.out.println("started");
    while (System.in.read() >= 0) {}
    node.close();
    System.exit(0);
  }
}
